/// An HTTP/2 server that refuses streams with `REFUSED_STREAM`, and counts them. Written in Python, so independent of our code and of
/// libcurl's.
package final class StreamRefusingServer: Sendable {
    package let port: Int
    private let program: ChildProcess

    /// Starts the server on a free port of 127.0.0.1.
    ///
    /// - Parameter refusingConnections: The number of connections whose streams are refused. Streams of later ones get an empty response.
    ///   By default all are refused.
    package init(_ certificate: TestCertificate, refusingConnections: Int = .max) async throws {
        let program = try ChildProcess(
            "python3", ["-c", Self.program, certificate.certificateFile, certificate.keyFile, String(refusingConnections)],
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"])
        try await eventually("the server listens") { program.output.contains("\n") || !program.isRunning }
        guard let port = Int(program.output.prefix { $0 != "\n" }) else { throw NeverHappened(description: program.errorOutput) }
        self.port = port
        self.program = program
    }

    /// The number of requests that have arrived.
    package var requests: Int { lines("request") }
    /// The number of connections.
    package var connections: Int { lines("connection") }

    private func lines(_ word: String) -> Int { program.output.split(separator: "\n").count { $0 == word } }

    package func stop() {
        program.terminate()
    }

    private static let program = #"""
        import socket, ssl, sys, threading
        _, certificate, key, refusing = sys.argv
        left = int(refusing)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2"])
        listener = socket.create_server(("127.0.0.1", 0))
        lock = threading.Lock()

        def note(line):
            with lock:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()

        def frame(kind, flags, stream, payload=b""):
            return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

        def serve(connection):
            global left
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = context.wrap_socket(connection, server_side=True)
            note("connection")
            with lock:
                left -= 1
                refuses = left >= 0
            file = connection.makefile("rb")
            file.read(24)
            connection.sendall(frame(4, 0, 0))
            while len(header := file.read(9)) == 9:
                kind, flags, stream = header[3], header[4], int.from_bytes(header[5:], "big") & 0x7fffffff
                payload = file.read(int.from_bytes(header[:3], "big"))
                if kind == 4 and flags & 1 == 0: connection.sendall(frame(4, 1, 0))
                if kind == 6 and flags & 1 == 0: connection.sendall(frame(6, 1, 0, payload))
                if kind == 1:
                    note("request")
                    # RST_STREAM, or HEADERS with END_STREAM, END_HEADERS and `:status: 200` of the static table.
                    if refuses: connection.sendall(frame(3, 0, stream, (7).to_bytes(4, "big")))
                    else: connection.sendall(frame(1, 5, stream, b"\x88"))

        note(str(listener.getsockname()[1]))
        while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """#
}
