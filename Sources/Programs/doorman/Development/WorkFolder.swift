internal import DoormanFiles
private import DoormanPlatform

/// A temporary folder of this program that only its user can read.
struct WorkFolder: Sendable {
    let path: String

    init() throws(FileAccessError) {
        let parent = StandardStreams.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(parent)/doorman-dev-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw FileAccessError(errno: errno) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Returns the path of a file in the folder.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes the folder with these files. The folder stays if it holds any other file.
    func remove(files: [String]) {
        for name in files { unsafe unlink(file(name)) }
        unsafe rmdir(path)
    }
}

/// A TCP port on loopback.
enum LocalPort {
    /// Returns the port if no program listens on it at 127.0.0.1, otherwise 0, which stands for any free port.
    static func ifFree(_ port: Int) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var (address, reuse) = (sockaddr_in(), Int32(1))
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        // Connections that have ended do not keep the port.
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        let isFree = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(descriptor, 1) == 0
            }
        }
        return isFree ? port : 0
    }
}
