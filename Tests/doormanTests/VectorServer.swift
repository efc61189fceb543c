import Glibc
import TestKit

/// A server that accepts one connection, responds to each call with a golden vector, and waits for the client to disconnect.
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
        let connection = try await acceptOne()
        defer { close(connection) }
        try await eventually("a call comes") { receive(connection) > 0 }
        let bytes = vector.bytes
        guard unsafe send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Unusable() }
        try await eventually("the program leaves") { receive(connection) == 0 }
    }

    /// Responds to one call, and returns the data of its frame.
    func answer(with vector: GoldenVector) async throws -> [UInt8] {
        let connection = try await acceptOne()
        defer { close(connection) }
        let call = try await receiveCall(connection)
        try respond(to: call, with: vector, on: connection)
        try await eventually("the program leaves") { receive(connection) == 0 }
        return call.data
    }

    /// Responds to one call after the other, each on its own stream.
    func answerCalls(with vectors: [GoldenVector]) async throws {
        let connection = try await acceptOne()
        defer { close(connection) }
        for vector in vectors {
            try respond(to: try await receiveCall(connection), with: vector, on: connection)
        }
        try await eventually("the program leaves") { receive(connection) == 0 }
    }

    /// Responds to every call with one vector until the program disconnects.
    func answerUntilClosed(with vector: GoldenVector) async throws {
        let connection = try await acceptOne()
        defer { close(connection) }
        while let call = try? await receiveCall(connection) { try? respond(to: call, with: vector, on: connection) }
    }

    private struct Call {
        /// The four bytes of its stream id.
        let streamID: ArraySlice<UInt8>
        let data: [UInt8]
    }

    private func respond(to call: Call, with vector: GoldenVector, on connection: Int32) throws {
        let bytes = vector.bytes[..<4] + call.streamID + vector.bytes[8...]
        let sent = unsafe bytes.withUnsafeBytes { unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == bytes.count else { throw Unusable() }
    }

    private func receiveCall(_ connection: Int32) async throws -> Call {
        var frame: [UInt8] = []
        var isClosed = false
        try await eventually("a whole call comes") {
            let length = frame.count < 10 ? 0 : frame[..<4].reduce(0) { $0 << 8 | Int($1) }
            var bytes = [UInt8](repeating: 0, count: 10 + length - frame.count)
            let count = bytes.isEmpty ? 0 : unsafe recv(connection, &bytes, bytes.count, 0)
            if count > 0 { frame += bytes[..<count] }
            isClosed = count == 0 && !bytes.isEmpty
            return isClosed || frame.count >= 10 && frame.count == 10 + frame[..<4].reduce(0) { $0 << 8 | Int($1) }
        }
        guard !isClosed else { throw Unusable() }
        return Call(streamID: frame[4..<8], data: Array(frame[10...]))
    }

    private func acceptOne() async throws -> Int32 {
        var connection: Int32 = -1
        let listener = listener
        try await eventually("the program connects") {
            connection = accept(listener, nil, nil)
            return connection >= 0
        }
        guard fcntl(connection, F_SETFL, O_NONBLOCK) == 0 else {
            close(connection)
            throw Unusable()
        }
        return connection
    }
}

private func receive(_ connection: Int32) -> Int {
    var bytes = [UInt8](repeating: 0, count: 4096)
    return unsafe recv(connection, &bytes, bytes.count, 0)
}
