import Glibc
import TestKit

/// A server that accepts one connection, waits for bytes, answers with a golden vector, and waits for the client to leave.
struct VectorServer: ~Copyable {
    private let listener: Int32
    let port: Int

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, length) + listen(listener, 1) + getsockname(listener, $0, &length)
            }
        }
        guard listener >= 0, result == 0 else { throw Unusable() }
        self.listener = listener
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(listener)
    }

    struct Unusable: Error {}

    func answerOneCall(with vector: GoldenVector) async throws {
        var connection: Int32 = -1
        let listener = listener
        try await eventually("the program connects") {
            connection = accept(listener, nil, nil)
            return connection >= 0
        }
        defer { close(connection) }
        guard fcntl(connection, F_SETFL, O_NONBLOCK) == 0 else { throw Unusable() }
        try await eventually("a call comes") { receive(connection) > 0 }
        let bytes = vector.bytes
        guard unsafe send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Unusable() }
        try await eventually("the program leaves") { receive(connection) == 0 }
    }
}

private func receive(_ connection: Int32) -> Int {
    var bytes = [UInt8](repeating: 0, count: 4096)
    return unsafe recv(connection, &bytes, bytes.count, 0)
}
