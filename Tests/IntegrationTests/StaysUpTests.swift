import DoormanClient
import Foundation
import NIOCore
import TestKit
import Testing

/// Resources that a process must not lose to any peer. `DOORMAN_FULL_DAYS=1` runs the tests at full size.
@Suite("doormand stays up", .serialized)
struct StaysUpTests {
    /// Memory that allocators and pools keep once, in bytes; far less than the tests send.
    private static let slack = 24 << 20

    @Test("it serves open connections without free descriptors")
    func outOfDescriptors() async throws {
        try await DoormandProcess.run(descriptorLimit: 64) { doormand in
            let token = try await doormand.cachedToken()
            let neighbour = try RawPeer.connect(port: doormand.port)
            try await neighbour.send(DoormandProcess.verify(token))
            #expect(DoormandProcess.isIdentity(try await neighbour.readFrame()))
            let before = doormand.program.descriptorCount
            let crowd = try (0..<100).map { _ in try RawPeer.connect(port: doormand.port) }
            try await eventually("a log line") { doormand.program.errorOutput.contains("connections can't be accepted") }
            try await neighbour.send(DoormandProcess.verify(token, streamID: 3))
            #expect(DoormandProcess.isIdentity(try await neighbour.readFrame()))
            for peer in crowd { peer.close() }
            try await eventually("the connections are closed") { doormand.program.descriptorCount <= before }
            let newToken = try doormand.emulator.logIn(phone: "+15557654321")
            let newcomer = try RawPeer.connect(port: doormand.port)
            try await newcomer.send(DoormandProcess.verify(newToken))
            #expect(DoormandProcess.isIdentity(try await newcomer.readFrame()))
        }
    }

    @Test("a storm of resets loses no descriptors or memory")
    func resetStorm() async throws {
        try await DoormandProcess.run(["--authorization-misses-burst", "1000000"]) { doormand in
            let token = try await doormand.cachedToken()
            doormand.emulator.setFault(.latency(.milliseconds(20)), for: .me)
            let (known, rounds) = (try DoormandProcess.verify(token), TestSize.isFull ? 100_000 : 400)
            // The first connections fill pools: provider connections, threads, buffers.
            try await storm(doormand.port, known, 0..<rounds)
            let descriptors = try await settledDescriptors(doormand)
            let memory = doormand.program.residentBytes
            try await storm(doormand.port, known, rounds..<(rounds * 3))
            #expect(try await settledDescriptors(doormand) == descriptors)
            #expect(doormand.program.residentBytes < memory + Self.slack)
            print("resets:", rounds * 3, "descriptors:", descriptors, "grew by", doormand.program.residentBytes - memory, "bytes")
        }
    }

    private func storm(_ port: Int, _ known: [UInt8], _ rounds: Range<Int>) async throws {
        for round in rounds {
            let peer = try RawPeer.connect(port: port)
            switch round % 4 {
            case 0: try await peer.send(Array(known.prefix(round % (known.count - 1) + 1)))
            case 1: try await peer.send(Array(repeating: known, count: 100).flatMap { $0 })
            case 2: try await peer.send(DoormandProcess.verify("EMAWnobodys\(round)"))
            default:
                try await peer.send(known)
                #expect(DoormandProcess.isIdentity(try await peer.readFrame()))
            }
            try peer.reset()
        }
    }

    /// Returns the number of descriptors, apart from provider connections, after it was constant for a while.
    private func settledDescriptors(_ doormand: DoormandProcess) async throws -> Int {
        var (last, repeats) = (-1, 0)
        try await eventually("descriptors settle") {
            let now = doormand.program.descriptorCount - doormand.emulator.openConnections
            repeats = now == last ? repeats + 1 : 0
            last = now
            return repeats == 100
        }
        return last
    }

    @Test(
        "its memory is bounded while a peer sends without end",
        arguments: ["frames that are too long", "frames of an unknown type", "nested messages", "empty metadata", "beginnings"])
    func endless(_ what: String) async throws {
        let frame: [UInt8] =
            switch what {
            case "frames that are too long": RawFrame(streamID: 1, type: 1, data: Array(repeating: 0, count: 1 << 20)).bytes
            case "frames of an unknown type": RawFrame(streamID: 1, type: 77, data: Array(repeating: 1, count: 65_536)).bytes
            // Field 5 is a message. Its field 1 claims to contain all following bytes, and so on.
            case "nested messages": RawFrame(streamID: 1, type: 1, data: Self.nested(65_536)).bytes
            case "empty metadata":
                RawFrame(streamID: 1, type: 1, data: Array(repeating: [0x2A, 0], count: 32_768).flatMap { $0 }).bytes
            default: [0, 1, 0, 0]
            }
        try await DoormandProcess.run { doormand in
            let before = doormand.program.residentBytes
            let megabytes = TestSize.isFull ? 10_000 : 200
            if frame.count == 4 {
                // Many frames declare 64 KiB and send nothing.
                let peers = try (0..<200).map { _ in try RawPeer.connect(port: doormand.port) }
                for peer in peers { try await peer.send(frame) }
                try await health(doormand.port)
                #expect(doormand.program.residentBytes < before + Self.slack)
                return
            }
            let peer = try RawPeer.connect(port: doormand.port)
            async let responses: Void = Self.discard(peer)
            for _ in 0..<((megabytes << 20) / frame.count) { try await peer.send(frame, within: .seconds(60)) }
            let after = doormand.program.residentBytes
            try await health(doormand.port)
            try peer.halfClose()
            try await responses
            print(what, megabytes, "MiB; grew by", after - before, "bytes")
            #expect(after < before + Self.slack)
        }
    }

    @Test("its memory is bounded with clients that read nothing")
    func readsNothing() async throws {
        try await DoormandProcess.run { doormand in
            let token = try await doormand.cachedToken()
            let known = try DoormandProcess.verify(token)
            let batch = Array(repeating: known, count: 1_000).flatMap { $0 }
            let before = doormand.program.residentBytes
            var greedy: [RawPeer] = []
            for _ in 0..<(TestSize.isFull ? 100 : 8) {
                let peer = try RawPeer.connect(port: doormand.port, receiveBuffer: 4096)
                greedy.append(peer)
                // Sends until the server stops reading.
                await #expect(throws: (any Error).self) {
                    for _ in 0..<1_000 { try await peer.send(batch, within: .milliseconds(300)) }
                }
            }
            let grown = doormand.program.residentBytes - before
            print("clients that read nothing:", greedy.count, "grew by", grown, "bytes")
            // Half a MiB each: waiting responses up to server.write-high-water-mark, and the responses of one more read.
            #expect(grown < Self.slack + greedy.count << 19)
            try await health(doormand.port)
        }
    }

    @Test(
        "its threads share few allocator arenas",
        .enabled("sanitizers have allocators of their own") {
            unsafe dlsym(nil, "__asan_init") == nil && (unsafe dlsym(nil, "__tsan_init") == nil)
        },
        arguments: [false, true])
    func arenas(environmentSaysOtherwise: Bool) async throws {
        let variables = environmentSaysOtherwise ? ["MALLOC_ARENA_MAX": "3"] : [:]
        // More threads than arenas. Each thread has allocated by then.
        let loops = NIOCore.System.coreCount + 4
        try await DoormandProcess.run(["--server-event-loops", "\(loops)"], variables: variables) { doormand in
            for _ in 0..<loops { _ = try await doormand.cachedToken() }
            let most = environmentSaysOtherwise ? 2 : NIOCore.System.coreCount
            #expect((1...most).contains(doormand.program.furtherArenaCount))
        }
    }

    @Test("it serves others beside many idle connections")
    func idle() async throws {
        let count = TestSize.isFull ? 10_000 : 800
        try await DoormandProcess.run(["--server-max-connections", "20000"]) { doormand in
            try raiseDescriptorLimit()
            let token = try await doormand.cachedToken()
            let known = try DoormandProcess.verify(token)
            let before = doormand.program.residentBytes
            var peers: [RawPeer] = []
            for _ in 0..<count {
                let peer = try RawPeer.connect(port: doormand.port)
                try await peer.send(known)
                #expect(DoormandProcess.isIdentity(try await peer.readFrame()))
                peers.append(peer)
            }
            let each = (doormand.program.residentBytes - before) / count
            print("idle connections:", count, "bytes each:", each)
            #expect(each < 64 << 10)
            try await health(doormand.port)
            for peer in peers {
                try await peer.send(known)
                #expect(DoormandProcess.isIdentity(try await peer.readFrame()))
            }
        }
    }

    // MARK: - Helpers

    private static func nested(_ length: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count + 4 <= length {
            let rest = length - bytes.count - 4
            bytes += [bytes.isEmpty ? 0x2A : 0x0A, UInt8(rest & 0x7F | 0x80), UInt8(rest >> 7 & 0x7F | 0x80), UInt8(rest >> 14)]
        }
        return bytes
    }

    private static func discard(_ peer: RawPeer) async throws {
        while true {
            do { _ = try await peer.readFrame(within: .seconds(60)) } catch RawPeer.Failure.ended(after: 0) { return }
        }
    }

    private func health(_ port: Int) async throws {
        let client = DoormanClient(target: .hostAndPort("127.0.0.1", port))
        #expect(try await client.health(timeout: .seconds(20)) == .serving)
        await client.close()
    }

    /// Raises the limit of this process, which has the other end of each connection.
    private func raiseDescriptorLimit() throws {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(files, &limit)
    }
}
