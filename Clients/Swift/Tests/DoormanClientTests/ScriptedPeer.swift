import DoormanClient
import DoormanCore
import DoormanWire
import NIOCore
import TestKit

/// A server that a test controls: it accepts, reads and responds only when the test says so, so that the test decides the order of events.
final class ScriptedPeer: Sendable {
    private let listener: TestSocket
    let target: DoormanTarget

    /// Listens on a free port of the loopback interface.
    init(backlog: Int32 = 64) throws {
        self.listener = try TestSocket.listening(backlog: backlog)
        self.target = .hostAndPort("127.0.0.1", Int(try listener.port()))
    }

    /// Listens on a Unix socket.
    init(path: String) throws {
        self.listener = try TestSocket.listening(path: path)
        self.target = .unixSocket(path: path)
    }

    var port: UInt16 { get throws { try listener.port() } }

    /// Returns the next connection.
    func accept() async throws -> PeerConnection {
        var accepted: TestSocket?
        try await eventually("the client connects") {
            accepted = try listener.accept()
            return accepted != nil
        }
        guard let accepted else { throw Unexpected(what: "no connection") }
        return PeerConnection(accepted)
    }

    /// Returns the next connection; `nil` if no client has connected.
    func acceptIfThere() throws -> PeerConnection? {
        try listener.accept().map { PeerConnection($0) }
    }

    /// Whether there was a further connection, which this method closes.
    func sawAnotherConnection() throws -> Bool {
        guard let socket = try listener.accept() else { return false }
        socket.close()
        return true
    }

    func close() {
        listener.close()
    }
}

/// The client did something that the test does not expect.
struct Unexpected: Error {
    let what: String
}

/// A call that a peer has read.
struct ReceivedCall: Sendable, Hashable {
    let streamID: StreamID
    let method: Method?
    /// The token or code as text. For accounts: the page size and cursor, or the account ID.
    let secret: String
    var applicationID: String
    let maxAgeSeconds: UInt32
    let timeout: Duration?
    /// The bytes of the revocation's position; empty for none.
    var notBefore: [UInt8] = []
}

/// One connection of a ``ScriptedPeer``. Confined to one task.
final class PeerConnection {
    /// Whether the peer responds to health checks by itself, instead of returning them to the test.
    var answersPings = true
    /// The data of the frame that was read last.
    private(set) var lastData: [UInt8] = []
    private let socket: TestSocket
    private var decoder = FrameDecoder(maximumLength: FrameHeader.maximumLength)
    private let arena = MessageArena()

    init(_ socket: TestSocket) {
        self.socket = socket
    }

    deinit {
        socket.close()
    }

    /// Waits for the next call.
    func nextCall() async throws -> ReceivedCall {
        var call: ReceivedCall?
        try await eventually("a call arrives") {
            call = try callIfThere()
            return call != nil
        }
        guard let call else { throw Unexpected(what: "no call") }
        return call
    }

    func nextCalls(_ count: Int) async throws -> [ReceivedCall] {
        var calls: [ReceivedCall] = []
        while calls.count < count { calls.append(try await nextCall()) }
        return calls
    }

    /// Returns the next call; `nil` if no call has arrived.
    func callIfThere() throws -> ReceivedCall? {
        while true {
            switch decoder.next() {
            case .frame(let header):
                let call = try decoder.withData { try read($0, header) }
                guard answersPings, call.method == .healthCheck else { return call }
                _ = try socket.send(frame(call.streamID, ResponseEncoder.encode(ServingStatus.serving)))
            case .oversized, .violation: throw Unexpected(what: "the client sent a malformed frame")
            case nil:
                switch try socket.receive() {
                case .bytes(let bytes): decoder.append(ByteBuffer(bytes: bytes))
                case .nothingYet: return nil
                case .end: throw Unexpected(what: "the client closed before its call")
                }
            }
        }
    }

    /// Waits until the client has closed its side.
    func clientCloses() async throws {
        try await eventually("the client closes") { try socket.receive() == .end }
    }

    func answer(_ call: ReceivedCall, _ account: String) async throws {
        try await answer(call, ResponseEncoder.encode(.sample(account)))
    }

    func answer(_ call: ReceivedCall, _ failure: FailureResponse) async throws {
        try await answer(call, ResponseEncoder.encode(failure))
    }

    func answer(_ call: ReceivedCall, _ data: [UInt8]) async throws {
        try await send(frame(call.streamID, data))
    }

    func frame(_ id: StreamID, _ data: [UInt8], type: FrameType = .response) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeFrame(type, streamID: id, data: data)
        return Array(buffer.readableBytesView)
    }

    func send(_ bytes: [UInt8]) async throws {
        var sent = 0
        try await eventually("the client reads the response") {
            sent += try socket.send(Array(bytes[sent...]))
            return sent == bytes.count
        }
    }

    func close() {
        socket.close()
    }

    private func read(_ data: Span<UInt8>, _ header: FrameHeader) throws -> ReceivedCall {
        lastData = bytes(data)
        let call = arena.withRequest(data) { view -> ReceivedCall? in
            switch view.method {
            case .verify:
                return view.withVerifyRequest { fields in
                    ReceivedCall(
                        streamID: header.streamID, method: .verify, secret: text(fields.token),
                        applicationID: text(fields.applicationID), maxAgeSeconds: fields.maxAgeSeconds, timeout: fields.timeout,
                        notBefore: bytes(fields.notBefore))
                }
            case .exchange:
                return ReceivedCall(header.streamID, .exchange, view.exchangeRequest(caller: nil)?.code.bytes ?? [], view.timeout)
            case .revoke:
                switch view.revocationRequest(caller: .unknown)?.subject {
                case .token(let token): return ReceivedCall(header.streamID, .revoke, token.bytes, view.timeout)
                case .account(let id): return ReceivedCall(header.streamID, .revoke, Array(id.utf8), view.timeout)
                case nil: return nil
                }
            case .listAccounts:
                guard let list = view.accountListRequest(caller: nil) else { return nil }
                var call = ReceivedCall(
                    header.streamID, .listAccounts, Array("\(list.pageSize) \(list.after ?? "")".utf8), view.timeout)
                call.applicationID = list.applicationID ?? ""
                return call
            case .deleteAccount:
                guard let deletion = view.accountDeletionRequest(caller: .unknown) else { return nil }
                var call = ReceivedCall(header.streamID, .deleteAccount, Array(deletion.accountID.utf8), view.timeout)
                call.applicationID = deletion.applicationID ?? ""
                return call
            case let method: return ReceivedCall(header.streamID, method, [], view.timeout)
            }
        }
        guard let call = call ?? nil else { throw Unexpected(what: "the client sent a malformed request") }
        return call
    }
}

extension ReceivedCall {
    fileprivate init(_ id: StreamID, _ method: Method?, _ secret: [UInt8], _ timeout: Duration?) {
        self.init(
            streamID: id, method: method, secret: String(decoding: secret, as: UTF8.self), applicationID: "", maxAgeSeconds: 0,
            timeout: timeout)
    }
}

private func text(_ span: Span<UInt8>) -> String {
    String(decoding: bytes(span), as: UTF8.self)
}

private func bytes(_ span: Span<UInt8>) -> [UInt8] {
    var copy: [UInt8] = []
    for index in span.indices { copy.append(span[index]) }
    return copy
}

extension Identity {
    static func sample(_ account: String) -> Identity {
        Identity(
            accountID: account, applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"),
            provider: "account-kit", verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
    }
}
