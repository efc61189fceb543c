import AccountKitEmulator
import CurlTransport
import ProviderHTTP
import TestKit
import Testing

@Suite("HTTP/2", .serialized, .timeLimit(.minutes(2)))
struct HTTP2Tests {
    @Test("requests at once share one connection: a hundred while it is being set up, and two hundred from then on")
    func sharing() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(20)))
            for count in [100, 200, 200] {
                #expect(await transport.manyAtOnce(count, server.me).allSatisfy { $0 == .success(200) })
            }
            #expect(server.emulator.statistics[.me] == 500)
            #expect(server.connections.accepted == 1)
            #expect(server.connections.http2 == 1)
            #expect(transport.statistics.connectionsOpened == 1)
        }
    }

    @Test("a request that is good once has a connection of its own, though one to share is open")
    func ownConnection() async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            for count in 1...3 {
                #expect(await transport.outcome(try server.exchange()) == .success(200))
                #expect(server.connections.accepted == 1 + count)
            }
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.http2 == 1)
            #expect(transport.statistics.connectionsOpened == 4)
            try await eventually("theirs are closed again") { server.connections.open == 1 }
        }
    }

    @Test("requests that are good once don't keep the others from sharing")
    func sharingBesideOthers() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(20)))
            for _ in 1...3 {
                async let once = transport.outcome(try server.exchange())
                #expect(await transport.manyAtOnce(50, server.me).allSatisfy { $0 == .success(200) })
                #expect(try await once == .success(200))
            }
            #expect(server.connections.accepted == 4)
            #expect(server.connections.http2 == 1)
        }
    }

    @Test(
        "a call that hangs or is slow holds up none of those it shares the connection with",
        arguments: [Fault.hang, .latency(.seconds(600))])
    func independence(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(fault, for: .accounts)
            let stuck = Task { await transport.failure(server.accounts) }
            try await eventually("it hangs") { server.emulator.statistics[.accounts] == 1 }
            #expect(await transport.manyAtOnce(20, server.me).allSatisfy { $0 == .success(200) })
            stuck.cancel()
            #expect(await stuck.value?.code == .cancelled)
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a reset in the middle of an answer is the failure of that call alone")
    func streamReset() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accounts)
            server.emulator.setFault(.reset, for: .me, calls: 1)
            async let others = transport.manyAtOnce(5, server.accounts)
            try await eventually("the others are under way") { server.emulator.statistics[.accounts] == 5 }
            let error = await transport.failure(server.me)
            #expect(error?.code == .connectionLost)
            #expect(error?.requestMayHaveBeenSent == true)
            #expect(await others.allSatisfy { $0 == .success(200) })
            #expect(server.emulator.statistics[.me] == 1)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a request that is too long is refused on its stream, and the connection goes on")
    func tooLong() async throws {
        try await withEmulator { transport, server async throws in
            let long = server.me + "&x=" + String(repeating: "y", count: 5000)
            #expect(try await transport.get(long).status == 414)
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a server that stops says so, and waits for nobody who has no call under way")
    func stop() async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(.latency(.milliseconds(50)))
            async let last = transport.get(server.me)
            try await eventually("it is under way") { server.emulator.statistics[.me] == 2 }
            let start = ContinuousClock.now
            try await server.emulator.stop()
            #expect(start.duration(to: .now) < .seconds(4))
            #expect(try await last.status == 200)
        }
    }

    static let answered: [(Fault, Int)] = [
        (.chunked, 200), (.latency(.milliseconds(5)), 200), (.slowHeaders(pause: .microseconds(10)), 200),
        (.slowBody(pause: .milliseconds(1)), 200), (.appUsage(AppUsageHeader(callCount: 95)), 200), (.badGateway, 502),
        (.tooManyRequests(retryAfterSeconds: 3), 429),
    ]

    @Test("answers that are late, slow or refusals are answers over HTTP/2 too", arguments: answered)
    func answers(fault: Fault, status: Int) async throws {
        try await withEmulator { transport, server async throws in
            let whole = try await transport.get(server.me).body
            server.emulator.setFault(fault, for: .me, calls: 1)
            let response = try await transport.get(server.me)
            #expect(response.status == status)
            if status == 200 { #expect(response.body == whole) }
            if case .appUsage = fault { #expect(response.headers["x-app-usage"]?.contains("95") == true) }
            if case .tooManyRequests = fault { #expect(response.headers["retry-after"] == "3") }
            #expect(server.emulator.statistics[.me] == 2)
            #expect(server.connections.accepted == 1)
        }
    }

    static let cut: [(Fault, TransportError.Code)] = [
        (.oversizedBody(bytes: 10_000_000), .bodyTooLarge), (.reset, .connectionLost), (.connectionReset, .connectionLost),
        (.goAway, .connectionLost),
    ]

    @Test("answers that are cut short or too long are none over HTTP/2 either, and the next call is answered", arguments: cut)
    func failures(fault: Fault, code: TransportError.Code) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(fault, for: .me, calls: 1)
            let error = await transport.failure(server.me)
            #expect(error?.code == code)
            #expect(error?.requestMayHaveBeenSent == true)
            #expect(server.emulator.statistics[.me] == 2)
            #expect(try await transport.get(server.me).status == 200)
        }
    }

    @Test(
        "when the shared connection dies, who may be repeated is answered or told, and who may not was never on it",
        arguments: [Fault.connectionReset, .goAway])
    func deadConnection(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accounts, calls: 20)
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accessToken)
            server.emulator.setFault(fault, for: .me, calls: 1)
            async let repeatable = transport.manyAtOnce(20, server.accounts)
            async let once = transport.outcome(try server.exchange())
            try await eventually("all are under way") {
                server.emulator.statistics[.accounts] == 20 && server.emulator.statistics[.accessToken] == 1
            }
            #expect(await transport.failure(server.me)?.code == .connectionLost)
            // libcurl repeats, once and on a new connection, what had no byte of an answer yet. Nothing above it does so.
            for outcome in await repeatable {
                switch outcome {
                case .success(let status): #expect(status == 200)
                case .failure(let error): #expect(error.code == .connectionLost && error.requestMayHaveBeenSent)
                }
            }
            #expect(server.emulator.statistics[.accounts] <= 40)
            #expect(try await once == .success(200))
            #expect(server.emulator.statistics[.accessToken] == 1)
            #expect(server.emulator.statistics[.me] == 2)
            #expect(try await transport.get(server.me).status == 200)
        }
    }

    @Test(
        "a request that is good once reaches the server once, however its answer is cut",
        arguments: [Fault.reset, .connectionReset, .goAway, .truncatedJSON, .emptyBody])
    func exchangedOnce(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(fault, for: .accessToken)
            switch await transport.outcome(try server.exchange()) {
            case .success(let status): #expect(status == 200 && [.truncatedJSON, .emptyBody].contains(fault))
            case .failure(let error): #expect(error.code == .connectionLost && error.requestMayHaveBeenSent)
            }
            #expect(server.emulator.statistics[.accessToken] == 1)
        }
    }

    @Test("a server that ends in good order and starts again on its port is asked again, and no call waits beyond its time")
    func restart() async throws {
        let certificate = try await SecureEmulator.certificate()
        let first = try await SecureEmulator.start(certificate)
        let transport = try CurlTransport(trusting: certificate) {
            $0.connectTimeout = .seconds(3); $0.requestTimeout = .seconds(3)
        }
        defer { transport.shutdown() }
        let (port, me) = (first.emulator.port, first.me)
        #expect(try await transport.get(me).status == 200)
        first.emulator.setFault(.hang, for: .accounts)
        let start = ContinuousClock.now
        async let underWay = transport.manyAtOnce(5, first.accounts)
        try await eventually("they hang") { first.emulator.statistics[.accounts] == 5 }
        try await first.emulator.stop()
        #expect(await underWay.allSatisfy { (try? $0.get()) == nil })
        #expect(start.duration(to: .now) < .seconds(15))
        #expect(await transport.failure(me)?.code == .connectFailed)
        let second = try await SecureEmulator.start(certificate, port: port)
        #expect(try await transport.get(me).status == 200)
        #expect(await transport.outcome(try second.exchange()) == .success(200))
        #expect(second.connections.accepted == 2)
        try await second.emulator.stop()
    }
}
