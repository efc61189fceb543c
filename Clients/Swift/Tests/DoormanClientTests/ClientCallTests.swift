import DoormanClient
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("calls over a socket", .timeLimit(.minutes(2)))
struct ClientCallTests {
    /// Returns a client with the patient configuration.
    private func patient(_ peer: ScriptedPeer, _ change: (inout DoormanClientConfiguration) -> Void = { _ in }) -> DoormanClient {
        var configuration = DoormanClientConfiguration.patient
        change(&configuration)
        return DoormanClient(target: peer.target, configuration: configuration)
    }

    @Test("every argument of a verify reaches the server")
    func verify() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let identity = client.verify("EMAWtoken", maxAge: .seconds(30), applicationID: "5432", timeout: .seconds(50))
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        #expect(call.method == .verify)
        #expect(call.secret == "EMAWtoken")
        #expect(call.applicationID == "5432")
        #expect(call.maxAgeSeconds == 30)
        let left = try #require(call.timeout)
        #expect(left > .seconds(20) && left <= .seconds(50))
        try await connection.answer(call, "1011166682335378")
        #expect(try await identity == .sample("1011166682335378"))
        await client.close()
        try await connection.clientCloses()
    }

    @Test("every method sends its own request")
    func otherMethods() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let exchange = client.exchange(AuthorizationCode("AQcode"))
        let connection = try await peer.accept()
        var call = try await connection.nextCall()
        #expect(call.method == .exchange && call.secret == "AQcode")
        try await connection.answer(call, ResponseEncoder.encode(.issued(Token("EMAWnew"), .sample("1"))))
        #expect(try await exchange == Exchange(token: Token("EMAWnew"), identity: .sample("1")))

        async let revoked = client.revoke(Token("EMAWold"))
        call = try await connection.nextCall()
        #expect(call.method == .revoke && call.secret == "EMAWold")
        try await connection.answer(call, ResponseEncoder.encodeRevoked(nil))
        _ = try await revoked

        async let allRevoked = client.revoke(accountID: "1011")
        call = try await connection.nextCall()
        #expect(call.method == .revoke && call.secret == "1011")
        try await connection.answer(call, ResponseEncoder.encodeRevoked(nil))
        _ = try await allRevoked

        connection.answersPings = false
        async let health = client.health()
        call = try await connection.nextCall()
        #expect(call.method == .healthCheck)
        try await connection.answer(call, ResponseEncoder.encode(ServingStatus.serving))
        #expect(try await health == .serving)
        await client.close()
    }

    @Test("the health of an unknown service is a result, as a response or as a failure", arguments: [true, false])
    func healthOfNothing(asFailure: Bool) async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let health = client.health(service: "doorman.v9.Auth")
        let connection = try await peer.accept()
        connection.answersPings = false
        let call = try await connection.nextCall()
        let failure = ResponseEncoder.encode(FailureResponse(.serviceUnknown, "no such service"))
        try await connection.answer(call, asFailure ? failure : ResponseEncoder.encode(ServingStatus.serviceUnknown))
        #expect(try await health == .serviceUnknown)
        await client.close()
    }

    @Test("a call works over a Unix socket")
    func unixSocket() async throws {
        let path = "/tmp/doorman-client-\(UInt64.random(in: 0...(.max))).sock"
        defer { removeFile(path) }
        let peer = try ScriptedPeer(path: path)
        let client = patient(peer)
        async let identity = client.verify("EMAWtoken")
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "1")
        #expect(try await identity.accountID == "1")
        await client.close()
    }

    @Test("a rejection is a verdict; an outage is not")
    func rejectionAndOutage() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let rejected = Task { try await client.verify("EMAWbad") }
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), FailureResponse(.tokenRejected, "the provider does not know it"))
        let rejection = await #expect(throws: DoormanError.self) { try await rejected.value }
        #expect(rejection?.kind == .rejected(.tokenRejected))
        #expect(rejection?.isRetryable == false)

        let failed = Task { try await client.verify("EMAWgood") }
        let busy = FailureResponse(.providerBusy, "the provider throttles", retryAfter: .seconds(30))
        try await connection.answer(connection.nextCall(), busy)
        let outage = await #expect(throws: DoormanError.self) { try await failed.value }
        #expect(outage?.kind == .unavailable(.providerBusy))
        #expect(outage?.retryAfter == .seconds(30))
        #expect(outage?.isRetryable == true)
        await client.close()
    }

    @Test("responses may arrive in any order in single bytes")
    func outOfOrderInBytes() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let first = client.verify("EMAW1")
        let connection = try await peer.accept()
        let firstCall = try await connection.nextCall()
        async let second = client.verify("EMAW2")
        let secondCall = try await connection.nextCall()
        #expect([firstCall.streamID, secondCall.streamID] == [StreamID(1), StreamID(3)])
        for call in [secondCall, firstCall] {
            for byte in connection.frame(call.streamID, ResponseEncoder.encode(.sample(call.secret))) {
                try await connection.send([byte])
            }
        }
        #expect(try await first.accountID == "EMAW1")
        #expect(try await second.accountID == "EMAW2")
        await client.close()
    }

    @Test("frames of other types are skipped", arguments: [1, 3, 77] as [UInt8])
    func otherFrames(type: UInt8) async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let identity = client.verify("EMAW1")
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        try await connection.send(connection.frame(StreamID(1), [1, 2, 3], type: FrameType(rawValue: type)))
        try await connection.answer(call, "1")
        #expect(try await identity.accountID == "1")
        await client.close()
    }

    @Test("each of a thousand concurrent calls gets its own response")
    func thousandCalls() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer) { $0.maximumCallsInFlight = 300 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let identity = try await client.verify("EMAW\(number)")
                    #expect(identity.accountID == "EMAW\(number)")
                }
            }
            group.addTask {
                let connection = try await peer.accept()
                var held: [ReceivedCall] = []
                for number in 1...1000 {
                    held.append(try await connection.nextCall())
                    guard held.count == 50 || number == 1000 else { continue }
                    for call in held.shuffled() { try await connection.answer(call, call.secret) }
                    held = []
                }
                #expect(try !peer.sawAnotherConnection())
            }
            try await group.waitForAll()
        }
        await client.close()
    }

    @Test("a call waits while the limit on calls in flight is reached")
    func inFlightLimit() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer) { $0.maximumCallsInFlight = 2 }
        async let identities = withThrowingTaskGroup(of: Identity.self) { group in
            for number in 0..<3 { group.addTask { try await client.verify("EMAW\(number)") } }
            return try await group.reduce(into: 0) { count, _ in count += 1 }
        }
        let connection = try await peer.accept()
        let held = try await connection.nextCalls(2)
        #expect(try connection.callIfThere() == nil)
        try await connection.answer(held[0], "1")
        try await connection.answer(connection.nextCall(), "3")
        try await connection.answer(held[1], "2")
        #expect(try await identities == 3)
        await client.close()
    }

    @Test("an empty ID or name is not sent, because servers take it for any")
    func empty() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let (token, code) = (Token("EMAW1"), AuthorizationCode("AQ1"))
        let calls: [() async throws -> Void] = [
            { _ = try await client.verify(token, applicationID: "") },
            { _ = try await client.verify(token, requiring: TokenRequirements(applicationID: "")) },
            { _ = try await client.verify(token, requiring: TokenRequirements(provider: "")) },
            { try client.verify(token, applicationID: "") { _ in } },
            { try client.verify(token, requiring: TokenRequirements(provider: "")) { _ in } },
            { _ = try await client.exchange(code, applicationID: "") }, { _ = try await client.exchange(code, provider: "") },
            { try await client.revoke(token, applicationID: "") }, { try await client.revoke(token, provider: "") },
            { try await client.revoke(accountID: "") }, { try await client.revoke(accountID: "1", applicationID: "") },
            { try await client.revoke(accountID: "1", provider: "") },
        ]
        for call in calls {
            let error = await #expect(throws: DoormanError.self) { try await call() }
            #expect(error?.kind == .unavailable(.malformedRequest) && error?.isRetryable == false)
        }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("an ID with a NUL byte is not sent")
    func nul() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1", applicationID: "1\u{0}2") }
        #expect(error?.kind == .unavailable(.malformedRequest))
        await #expect(throws: DoormanError.self) { try await client.revoke(accountID: "1\u{0}2") }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("no printed value of a call contains its token")
    func redaction() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let secret = "EMAWverysecret"
        let failing = Task { try await client.exchange(AuthorizationCode(secret)) }
        let connection = try await peer.accept()
        _ = try await connection.nextCall()
        var dumped = ""
        dump(client, to: &dumped)
        #expect(dumped == "- DoormanClient(\(peer.target)) #0\n")
        connection.close()
        let error = await #expect(throws: DoormanError.self) { try await failing.value }
        dump(error, to: &dumped)
        dump(Exchange(token: Token(secret), identity: nil), to: &dumped)
        #expect(!(dumped + String(reflecting: error) + String(describing: error)).contains("verysecret"))
        await client.close()
    }
}
