import NIOConcurrencyHelpers

/// An HTTP server whose connections run a script, each on a thread of its own.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (Connection) -> Void

    /// One accepted connection.
    struct Connection: Sendable {
        /// The number of the connection, from 1.
        let number: Int
        let descriptor: Descriptor
        let server: ScriptedServer

        /// Reads the header of the next request; `nil` if the client has closed the connection.
        func request() -> String? {
            var bytes: [UInt8] = []
            while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                let more = descriptor.read(atMost: 1)
                if more.isEmpty { return nil }
                bytes += more
            }
            let text = String(decoding: bytes, as: UTF8.self)
            server.state.withLockedValue { $0.requests.append(text) }
            return text
        }

        /// Reads the body of a request by its `Content-Length`.
        func body(of request: String) -> [UInt8] {
            let lengths = request.lowercased().split(separator: "\r\n").compactMap { line in
                line.hasPrefix("content-length: ") ? Int(line.dropFirst("content-length: ".count)) : nil
            }
            var bytes: [UInt8] = []
            while bytes.count < lengths.first ?? 0 {
                let more = descriptor.read(atMost: (lengths.first ?? 0) - bytes.count)
                if more.isEmpty { break }
                bytes += more
            }
            return bytes
        }

        @discardableResult
        func write(_ text: String) -> Bool {
            descriptor.write(Array(text.utf8))
        }

        /// Writes a whole response.
        func respond(_ status: String = "200 OK", _ fields: [String] = [], body: String = "") {
            write(
                (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
                    + body)
        }

        /// Waits until the client has closed, or the server is stopped.
        func waitForEnd() {
            while !descriptor.read().isEmpty {}
        }
    }

    private struct State {
        var accepted = 0
        var ended = 0
        var requests: [String] = []
        var open: [CInt: Descriptor] = [:]
        var threads: [PeerThread] = []
        var isStopped = false
    }

    let port: Int
    private let listener: Descriptor
    private let script: Script
    private let state = NIOLockedValueBox(State())

    init(_ script: @escaping Script) {
        (listener, port) = Descriptor.listening()
        self.script = script
        let thread = PeerThread { self.acceptConnections() }
        state.withLockedValue { $0.threads.append(thread) }
    }

    /// Creates a server that runs `respond` for every request.
    static func responding(_ respond: @escaping Script) -> ScriptedServer {
        ScriptedServer { connection in
            while connection.request() != nil { respond(connection) }
        }
    }

    var acceptedConnections: Int { state.withLockedValue { $0.accepted } }
    var endedConnections: Int { state.withLockedValue { $0.ended } }
    var requests: [String] { state.withLockedValue { $0.requests } }

    func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }

    /// Interrupts every connection and waits for all threads.
    func stop() {
        let open = state.withLockedValue { state in
            state.isStopped = true
            return Array(state.open.values)
        }
        listener.interrupt()
        for descriptor in open { descriptor.interrupt() }
        while let thread = state.withLockedValue({ $0.threads.popLast() }) { thread.join() }
        listener.close()
    }

    private func acceptConnections() {
        while let descriptor = listener.accepted() {
            let number: Int? = state.withLockedValue { state in
                guard !state.isStopped else { return nil }
                state.accepted += 1
                state.open[descriptor.number] = descriptor
                return state.accepted
            }
            guard let number else { return descriptor.close() }
            let thread = PeerThread { self.serve(Connection(number: number, descriptor: descriptor, server: self)) }
            state.withLockedValue { $0.threads.append(thread) }
        }
    }

    private func serve(_ connection: Connection) {
        script(connection)
        state.withLockedValue { state in
            state.open[connection.descriptor.number] = nil
            state.ended += 1
        }
        connection.descriptor.close()
    }
}
