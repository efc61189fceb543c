import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("Calls of gRPC")
struct CallTests {
    @Test("a cache hit is answered in the turn of its request")
    func hit() {
        let conversation = Conversation()
        let response = conversation.call()
        #expect(response.identity == .someone)
        #expect(response.http.hasEnded)
        #expect(response.http[":status"] == "200")
        #expect(response.http["content-type"] == "application/grpc")
        #expect(conversation.takeStarted().isEmpty)
        #expect(conversation.connection.callsInFlight == 0)
    }

    @Test("a cache miss is answered when its call ends")
    func miss() throws {
        let conversation = Conversation()
        #expect(conversation.call(body: GRPCRequest.verify("unknown")).http.headers.isEmpty)
        let call = try #require(conversation.takeStarted().first)
        #expect(conversation.connection.callsInFlight == 1)
        conversation.answer(call)
        #expect(conversation.response(1).identity == .someone)
        #expect(conversation.connection.callsInFlight == 0)
    }

    @Test("a call that names a revocation starts with it")
    func notBefore() throws {
        let conversation = Conversation()
        let message = [0x0a, 1, UInt8(ascii: "u"), 0x32, 2, 0x00, 0xff]
        conversation.call(body: GRPCRequest.frame(message))
        guard case .verify(let call) = try #require(conversation.takeStarted().first).call else {
            Issue.record("no verification")
            return
        }
        #expect(call.notBefore == RevocationPosition(bytes: [0x00, 0xff]))
    }

    @Test("a call whose revocation has a position above 64 bytes is malformed")
    func positionTooLong() {
        let message = [0x0a, 1, UInt8(ascii: "u"), 0x32, 65] + Array(repeating: UInt8(7), count: 65)
        let response = Conversation().call(body: GRPCRequest.frame(message))
        #expect(response.status?.failure == .malformedRequest)
        #expect(response.message?.contains("64 bytes") == true)
    }

    @Test("calls can complete in any order")
    func anyOrder() throws {
        let conversation = Conversation()
        for token in ["a", "b", "c"] { conversation.call(body: GRPCRequest.verify(token)) }
        let calls = conversation.takeStarted()
        #expect(calls.map(\.id.streamID.rawValue) == [1, 3, 5])
        for index in [2, 0, 1] {
            var identity = Identity.someone
            identity.accountID = "\(index)"
            conversation.answer(calls[index], with: ResponseEncoder.encode(identity))
        }
        #expect([1, 3, 5].map { conversation.response($0).identity?.accountID } == ["0", "1", "2"])
    }

    @Test("bytes can be split anywhere")
    func split() {
        /// A client that has sent its request.
        func makeClient() -> (client: HTTP2Client, sent: [UInt8]) {
            let client = HTTP2Client()
            _ = client.request(GRPCRequest.headers(timeout: "1S"), body: GRPCRequest.verify("cached"))
            return (client, client.output())
        }
        func check(_ position: Int?, _ output: [UInt8]) {
            let client = makeClient().client
            #expect(client.receive(output))
            #expect(client.responses[1].map(GRPCResponse.init)?.identity == .someone, "split at \(position ?? 0)")
        }
        let bytes = makeClient().sent
        for position in 0...bytes.count {
            let conversation = Conversation()
            check(position, conversation.receive(Array(bytes[..<position])) + conversation.receive(Array(bytes[position...])))
        }
        let conversation = Conversation()
        check(nil, bytes.flatMap { conversation.receive([$0]) })
    }

    @Test("SETTINGS leave before a request has arrived")
    func settings() {
        let conversation = Conversation()
        let output = conversation.receive(Array(HTTP2Frame.preface.prefix(3)))
        #expect(output.count > 9)
        #expect(output[3] == 4)
    }

    @Test(
        "every method has its path",
        arguments: [
            ("/doorman.v1.Auth/Verify", Method.verify), ("/doorman.v1.Auth/Exchange", .exchange),
            ("/doorman.v1.Auth/Revoke", .revoke),
            ("/doorman.v1.Accounts/List", .listAccounts), ("/doorman.v1.Accounts/Delete", .deleteAccount),
            ("/doorman.v1.Stats/Get", .statistics),
        ])
    func methods(path: String, method: Method) throws {
        let conversation = Conversation(policy: .granting(to: [Caller(name: "ip:127.0.0.1")]))
        let text = { (field: UInt8, value: String) in [field << 3 | 2, UInt8(value.utf8.count)] + Array(value.utf8) }
        let message: [UInt8] =
            switch method {
            case .verify, .exchange, .revoke, .deleteAccount: text(1, "12345")
            default: []
            }
        conversation.call(GRPCRequest.headers(path: path), body: GRPCRequest.frame(message))
        #expect(conversation.takeStarted().map(\.call.method) == [method])
    }

    // MARK: - Rules

    private func failure(_ headers: [(String, String)], body: [UInt8] = GRPCRequest.verify("cached")) -> GRPCResponse {
        Conversation().call(headers, body: body)
    }

    @Test("a gRPC request by another HTTP method than POST is malformed", arguments: ["GET", "PUT", "post"])
    func method(name: String) {
        let response = failure(GRPCRequest.headers([(":method", name)]))
        #expect(response.code == 3)
        #expect(response.status?.failure == .malformedRequest)
        #expect(response.isTrailersOnly)
    }

    @Test("a request without te: trailers comes through a proxy that drops trailers")
    func trailers() {
        #expect(failure(GRPCRequest.headers(without: "te")).status?.failure == .malformedRequest)
    }

    @Test(
        "another content type at a path of gRPC is answered with HTTP 415",
        arguments: ["application/json", "application/grp", "text/plain", "application/grpc-web", "application/grpcx"])
    func contentType(value: String) {
        let response = failure(GRPCRequest.headers([("content-type", value)]))
        #expect(response.http[":status"] == "415")
        #expect(response.http.hasEnded)
        #expect(response.code == nil)
    }

    @Test("a content type can have a suffix", arguments: ["application/grpc+proto", "application/grpc;charset=utf-8"])
    func contentTypeSuffix(value: String) {
        #expect(failure(GRPCRequest.headers([("content-type", value)])).identity == .someone)
    }

    @Test(
        "an unknown path has status 12",
        arguments: [
            "/", "/doorman.v1.Auth", "/doorman.v1.Auth/", "/doorman.v1.Auth/Nothing", "/doorman.v1.Auth/VerifyX",
            "/doorman.v1.auth/Verify",
            "/other.Service/Verify", "//doorman.v1.Auth/Verify", "/grpc.health.v1.Health/Watch",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ])
    func path(value: String) {
        let response = failure(GRPCRequest.headers(path: value))
        #expect(response.code == 12)
        #expect(response.isTrailersOnly)
        // A client of gRPC takes 404 for status 12. A gateway that asks on a wrong path takes any 200 for a permission.
        #expect(response.http[":status"] == "404")
    }

    @Test(
        "a path of the HTTP API is never answered as gRPC, whatever its content type is",
        arguments: [
            "/auth", "/auth/", "/auth/a.B/C", "/auth?x", "/profiles/orders/auth", "/profiles/orders/auth/x", "/v1/verify",
            "/v1/exchange",
            "/v1/revoke", "/oauth2/introspect",
        ], ["POST", "GET", "HEAD"])
    func pathOfHTTP(path: String, method: String) {
        for authorization in [[], [("authorization", "Bearer unknown.")], [("authorization", "Bearer")]] {
            let headers = GRPCRequest.headers(path: path, [(":method", method)] + authorization)
            for body in [GRPCRequest.verify("cached"), []] {
                let response = failure(headers, body: body)
                #expect(response.http[":status"] != "200", "\(path) \(method)")
                #expect(response.code == nil, "\(path) \(method)")
            }
        }
    }

    @Test(
        "grpc-timeout has up to eight digits and a unit",
        arguments: [
            ("1H", .seconds(30)), ("1M", .seconds(30)), ("3S", .seconds(3)), ("250m", .milliseconds(250)),
            ("9000u", .milliseconds(9)),
            ("99999999n", .nanoseconds(99_999_999)), ("00000001S", .seconds(1)), (nil, .seconds(2)),
        ] as [(String?, Duration)])
    func timeout(value: String?, expected: Duration) throws {
        let conversation = Conversation()
        conversation.call(GRPCRequest.headers(timeout: value), body: GRPCRequest.verify("unknown"))
        let call = try #require(conversation.takeStarted().first)
        #expect(call.deadline == Deadline(conversation.clock.now.advanced(by: expected)))
    }

    @Test(
        "a malformed grpc-timeout is no deadline", arguments: ["", "1", "S", "1s", "123456789S", "-1S", "1.5S", " 1S", "1SS", "１S"])
    func malformedTimeout(value: String) {
        let response = failure(GRPCRequest.headers([("grpc-timeout", value)]))
        #expect(response.status?.failure == .malformedRequest || response.http.closeCode != 0, "\(response)")
        #expect(response.identity == nil)
    }

    @Test("a timeout of zero has passed on arrival")
    func zeroTimeout() {
        let response = failure(GRPCRequest.headers(timeout: "0S"))
        #expect(response.code == 4)
        #expect(response.isTrailersOnly)
    }

    @Test("a compressed message is unimplemented, with the encodings that are known", arguments: ["gzip", "identity", nil])
    func compressed(encoding: String?) {
        let encoded = encoding.map { [("grpc-encoding", $0)] } ?? []
        let response = failure(GRPCRequest.headers(encoded), body: GRPCRequest.frame([0x0a, 1, 65], flag: 1))
        #expect(response.code == 12)
        #expect(response.http["grpc-accept-encoding"] == "identity")
        #expect(response.isTrailersOnly)
    }

    @Test("an encoding is no matter if the message is not compressed")
    func encodingWithoutCompression() {
        #expect(failure(GRPCRequest.headers([("grpc-encoding", "gzip")])).identity == .someone)
    }

    @Test(
        "a body that is not one message is an internal error",
        arguments: [
            GRPCRequest.verify("cached") + GRPCRequest.verify("cached"), GRPCRequest.verify("cached") + [0], [], [0, 0, 0],
            Array(GRPCRequest.verify("cached").dropLast()), GRPCRequest.frame([0x0a, 1, 65], flag: 2),
            GRPCRequest.frame([0x0a, 1, 65], flag: 0x80),
        ])
    func bodies(bytes: [UInt8]) {
        let response = failure(GRPCRequest.headers(), body: bytes)
        #expect(response.code == 13)
        #expect(response.isTrailersOnly)
    }

    @Test("a request without a body is an internal error")
    func noBody() {
        #expect(Conversation().call(body: nil).code == 13)
    }

    @Test("a message that is no VerifyRequest is malformed", arguments: [[], [0xff], [0x0a, 5, 1], [0x08, 1]] as [[UInt8]])
    func malformedMessage(bytes: [UInt8]) {
        let failures: [Failure] = [.malformedRequest, .malformedToken]
        #expect(failure(GRPCRequest.headers(), body: GRPCRequest.frame(bytes)).status?.failure.map(failures.contains) == true)
    }

    @Test("a message above the limit fails with the setting's name")
    func tooLong() {
        let conversation = Conversation { $0.maximumFrameLength = 100 }
        let response = conversation.call(body: GRPCRequest.frame(Array(repeating: 0, count: 101)))
        #expect(response.code == 8)
        #expect(response.status?.failure == .frameTooLong)
        #expect(response.message?.contains("server.max-frame-length") == true)
        #expect(conversation.call().identity == .someone)
    }

    @Test("a message above the limit is answered before its end, and its stream is reset without an error")
    func tooLongEarly() {
        let conversation = Conversation { $0.maximumFrameLength = 100 }
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.frame(Array(repeating: 0, count: 200)), .open)
        conversation.exchange()
        #expect(conversation.response(id).status?.failure == .frameTooLong)
        #expect(conversation.response(id).http.closeCode == 0)
        #expect(conversation.connection.callsInFlight == 0)
    }

    @Test("a declared length above the limit fails as well")
    func declaredTooLong() {
        let response = failure(GRPCRequest.headers(), body: GRPCRequest.frame([1, 2, 3], length: 1 << 30))
        #expect(response.code == 8)
    }

    @Test("a message longer than the windows of the stream arrives if the limit allows it")
    func longMessage() throws {
        let conversation = Conversation { $0.maximumFrameLength = 1 << 20 }
        // A field that the server does not know.
        let body = [UInt8(0x0a), 3] + Array("abc".utf8) + [0xfa, 0x7f, 0x80, 0x80, 0x30] + Array(repeating: 7, count: 0x30 << 14)
        conversation.call(body: GRPCRequest.frame(body))
        let call = try #require(conversation.takeStarted().first)
        conversation.answer(call)
        #expect(conversation.response(1).identity == .someone)
    }

    @Test("headers above 32 KiB are answered with HTTP 431")
    func longHeaders() {
        let conversation = Conversation()
        let long = (0..<5).map { ("x-\($0)", String(repeating: "a", count: 8000)) }
        let response = conversation.call(GRPCRequest.headers(long))
        #expect(response.http[":status"] == "431")
        #expect(conversation.call().identity == .someone)
    }

    @Test("a long token in the headers of another application fits")
    func headersThatFit() {
        #expect(
            failure(GRPCRequest.headers([("authorization", "Bearer " + String(repeating: "a", count: 16 << 10))])).identity
                == .someone)
    }

    @Test("health checks are answered at once")
    func health() {
        let conversation = Conversation()
        let path = GRPCRequest.headers(path: "/grpc.health.v1.Health/Check")
        #expect(conversation.call(path, body: GRPCRequest.frame([])).servingStatus == .serving)
        let unknown = conversation.call(path, body: GRPCRequest.frame([0x0a, 1, 65]))
        #expect(unknown.code == 5)
    }
}
