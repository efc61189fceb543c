private import Glibc
internal import NIOCore
private import NIOSSL

/// The protocol-specific part of sending a response: HTTP/1.1 writes to its connection, HTTP/2 to the stream of the request.
protocol ResponseWriter: AnyObject {
    /// The TCP connection; `nil` once the handler has left it.
    var connection: (any Channel)? { get }

    /// Writes status and headers without flushing them. Scripts of HTTP/1.1 have their heads among the bytes.
    func writeHead(status: Int, headers: [GraphResponse.Header])
    /// Writes bytes of the body without flushing them; over HTTP/1.1 also those of the head.
    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?)
    func flush()

    /// Completes the response, flushes it and makes way for the next request.
    ///
    /// - Parameter keepsConnection: Whether HTTP/1.1 keeps the connection. A stream of HTTP/2 ends in any case.
    func endResponse(keepsConnection: Bool)
    /// Resets the smallest unit that carries the response: the TCP connection of HTTP/1.1, the stream of HTTP/2.
    func reset()
}

extension ResponseWriter {
    /// Flushes, then calls `body` once the kernel has every byte, or the connection has failed.
    func flush(on loop: any EventLoop, then body: @escaping () -> Void) {
        let sent = loop.makePromise(of: Void.self)
        write(ByteBuffer(), promise: sent)
        flush()
        sent.futureResult.assumeIsolated().whenComplete { _ in body() }
    }
}

/// Sends one response step by step: waits, writes pieces, and ends, cuts off or resets. Runs on the event loop of its writer.
final class ScriptRunner {
    private static let largestPiece = 65_536

    private let script: ResponseScript
    private let writer: any ResponseWriter
    private let loop: any EventLoop
    private let noteEnd: () -> Void
    private var nextStep = 0
    private var timer: Scheduled<Void>?

    /// - Parameter noteEnd: Called after the last step, unless the script leaves the request without a response.
    init(_ script: ResponseScript, writer: any ResponseWriter, on loop: any EventLoop, noteEnd: @escaping () -> Void = {}) {
        self.script = script
        self.writer = writer
        self.loop = loop
        self.noteEnd = noteEnd
    }

    /// Carries out steps up to the next wait, or all that are left. Called by the owner once.
    func run() {
        while nextStep < script.steps.count {
            let step = script.steps[nextStep]
            nextStep += 1
            switch step {
            case .head(let status, let headers): writer.writeHead(status: status, headers: headers)
            case .send(let bytes): writer.write(ByteBuffer(bytes: bytes), promise: nil)
            case .fill(let count): fill(count)
            case .wait(let time):
                writer.flush()
                timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { self.run() }
                return
            }
        }
        end()
    }

    /// Stops before the next step. The writer's connection or stream is gone.
    func cancel() {
        timer?.cancel()
        timer = nil
    }

    /// Writes the byte `a` so many times, in slices of one buffer.
    private func fill(_ count: Int) {
        let piece = ByteBuffer(repeating: UInt8(ascii: "a"), count: min(count, Self.largestPiece))
        for offset in stride(from: 0, to: count, by: Self.largestPiece) {
            writer.write(piece.getSlice(at: 0, length: min(count - offset, piece.readableBytes)) ?? piece, promise: nil)
        }
    }

    private func end() {
        if script.end != .never { noteEnd() }
        let (writer, connection) = (writer, writer.connection)
        switch script.end {
        case .keep, .close: writer.endResponse(keepsConnection: script.end == .keep)
        case .reset: writer.flush(on: loop) { writer.reset() }
        case .resetConnection: writer.flush(on: loop) { if let connection { ConnectionReset.perform(on: connection) } }
        case .goAway: writer.flush(on: loop) { connection?.pipeline.fireUserInboundEventTriggered(GoAwayEvent()) }
        case .never: break
        }
    }
}

/// Tells a connection to end now, in good order, whatever its requests are doing.
struct GoAwayEvent: Sendable {}

/// The abrupt end of a TCP connection.
enum ConnectionReset {
    /// Closes the connection with a TCP reset, below TLS, which would send its close notification first.
    static func perform(on channel: any Channel) {
        let socket = channel as? any SocketOptionProvider
        let set = socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0)) ?? channel.eventLoop.makeSucceededVoidFuture()
        set.assumeIsolated().whenComplete { _ in
            guard let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) else {
                return channel.close(promise: nil)
            }
            tls.close(promise: nil)
        }
    }
}
