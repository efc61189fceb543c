import DoormanCore
import Glibc
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import DoormanServer

/// Tests the direct write with send(2) in its hardest cases. `DOORMAN_FULL_DAYS=1` runs more rounds.
@Suite("Direct writes to the socket")
struct DirectWriteTests {
    /// Returns stream ids with their tokens: every tenth token needs the provider, the others are cached.
    private func tokens(_ count: Int) -> [UInt32: String] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { (UInt32($0 * 2 + 1), "\($0 % 10 == 9 ? "p" : "m")-\($0)") })
    }

    @Test("responses arrive whole when the kernel accepts few bytes at a time")
    func partialWrites() async throws {
        try await withServer(backend: .echoing()) { _, port in
            let listener = try #require(SocketOptions.descriptor(port: port, isListening: true))
            // Accepted sockets inherit the size. The kernel raises it to its minimum of 4,608 bytes.
            #expect(SocketOptions.set(listener, SOL_SOCKET, SO_SNDBUF, 1))
            let peer = try RawPeer.connect(port: port, receiveBuffer: 1)
            let expected = tokens(TestSize.isFull ? 100_000 : 5_000)
            let bytes = try expected.sorted { $0.key < $1.key }.flatMap { try Frames.verify($0.value, streamID: $0.key) }
            async let sent: Void = {
                try await peer.send(bytes, within: .seconds(600))
                try peer.halfClose()
            }()
            var unanswered = expected
            var lastCached: UInt32 = 0
            while !unanswered.isEmpty {
                let frame = try await peer.readFrame()
                let answered = unanswered.removeValue(forKey: frame.streamID)
                let token = try #require(answered, "two responses on stream \(frame.streamID)")
                #expect(frame.identity?.accountID == token)
                guard token.hasPrefix("m") else { continue }
                #expect(frame.streamID > lastCached)
                lastCached = frame.streamID
            }
            try await sent
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("no response reaches another connection that reuses the descriptor")
    func reusedDescriptors() async throws {
        let rounds = TestSize.isFull ? 5_000 : 100
        try await withServer(backend: .echoing()) { server, port in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for worker in 0..<8 {
                    tasks.addTask {
                        for round in 0..<rounds { try await Self.leaveAndFollow(port, "\(worker)-\(round)", round) }
                    }
                }
                try await tasks.waitForAll()
            }
            try await eventually("all connections are closed") { server.connectionCount == 0 }
        }
    }

    @Test("nothing is written to a descriptor that its channel has closed")
    func closedDescriptor() async throws {
        try await withServer(backend: .echoing()) { _, port in
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            var reachedAnother: Bool?
            // Another thread of this process may reuse the number first.
            for _ in 0..<100 where reachedAnother == nil {
                let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
                reachedAnother = try await channel.eventLoop.submit { try Self.writeOnceClosed(channel) }.get()
            }
            #expect(reachedAnother == false)
        }
    }

    /// Writes after the channel is closed.
    ///
    /// - Returns: Whether the bytes reach a socket of ours that reuses the descriptor's number; `nil` if the number is not
    ///   available.
    private static func writeOnceClosed(_ channel: any Channel) throws -> Bool? {
        let writer = try #require(SocketWriter(channel))
        let operations = channel.pipeline.syncOperations
        let number = try #require(try operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 })
        var pair: [CInt] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
        channel.close(promise: nil)
        // The lowest free number from `number` on.
        let another = fcntl(pair[1], F_DUPFD, number)
        defer { for descriptor in pair + [another] { close(descriptor) } }
        guard another == number else { return nil }
        var bytes = ByteBuffer(string: "an identity")
        writer.write(&bytes)
        var byte: UInt8 = 0
        return unsafe recv(pair[0], &byte, 1, CInt(MSG_DONTWAIT)) == 1
    }

    /// Resets a connection with calls in flight, then uses the same stream ids on a new one.
    private static func leaveAndFollow(_ port: Int, _ name: String, _ round: Int) async throws {
        let ids = (0..<8).map { UInt32($0 * 2 + 1) }
        func call(_ peer: RawPeer, _ who: String) async throws -> [UInt32: String] {
            let expected = Dictionary(
                uniqueKeysWithValues: ids.map { ($0, "\($0 % 4 == 1 ? "m" : "p")-\(who)-\(name)-\($0)") })
            try await peer.send(try expected.flatMap { try Frames.verify($0.value, streamID: $0.key) })
            return expected
        }
        let leaver = try RawPeer.connect(port: port)
        let left = try await call(leaver, "leaver")
        for _ in 0..<(round % ids.count) {
            let frame = try await leaver.readFrame()
            #expect(frame.identity?.accountID == left[frame.streamID])
        }
        try leaver.reset()
        let follower = try RawPeer.connect(port: port)
        var unanswered = try await call(follower, "follower")
        while !unanswered.isEmpty {
            let frame = try await follower.readFrame()
            #expect(frame.identity?.accountID == unanswered.removeValue(forKey: frame.streamID))
        }
        follower.close()
    }
}
