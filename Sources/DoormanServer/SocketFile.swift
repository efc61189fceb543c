private import Glibc

/// Removes a Unix socket's file once nobody listens on it, so that the next client gets a clear "no such file".
func removeSocketFile(_ path: String) {
    unsafe unlink(path)
}
