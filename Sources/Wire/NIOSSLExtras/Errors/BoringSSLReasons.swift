package import NIOSSL

extension BoringSSLError {
    /// BoringSSL's reasons, such as `WRONG_VERSION_NUMBER`, in the order of their causes. They are constants of BoringSSL and
    /// contain no data from the peer.
    package var reasons: [String] {
        guard case .sslError(let stack) = self else { return [] }
        return stack.map { error in
            // `error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at …`
            let words = error.description.split(separator: ":").first { $0.contains(" at ") } ?? ""
            return words.split(separator: " ").first.map(String.init) ?? error.description
        }
    }
}
