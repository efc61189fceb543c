import DoormanCore
import Glibc
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import DoormanServer

/// The shortest way of an answer, send(2) on the connection's own descriptor, where that is hardest. `DOORMAN_FULL_DAYS=1` makes it
/// long.
@Suite("Answers that go past the pipeline")
struct DirectWriteTests {
    /// Stream ids and what is asked on each: every tenth token is the provider's to answer, the others are in memory.
    private func questions(_ count: Int) -> [UInt32: String] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { (UInt32($0 * 2 + 1), "\($0 % 10 == 9 ? "p" : "m")-\($0)") })
    }

    @Test("come once, whole, and in the order of their calls, however little of them the kernel takes at once")
    func partialWrites() async throws {
        try await withServer(backend: .echoing()) { _, port in
            let listener = try #require(SocketOptions.descriptor(port: port, isListening: true))
            // Accepted sockets inherit it. The kernel makes the least that it allows of it: 4,608 bytes.
            #expect(SocketOptions.set(listener, SOL_SOCKET, SO_SNDBUF, 1))
            let peer = try RawPeer.connect(port: port, receiveBuffer: 1)
            let asked = questions(TestSize.isFull ? 100_000 : 5_000)
            let bytes = try asked.sorted { $0.key < $1.key }.flatMap { try Frames.verify($0.value, streamID: $0.key) }
            async let sent: Void = {
                try await peer.send(bytes, within: .seconds(600))
                try peer.halfClose()
            }()
            var unanswered = asked
            var lastFromMemory: UInt32 = 0
            while !unanswered.isEmpty {
                let frame = try await peer.readFrame()
                let answered = unanswered.removeValue(forKey: frame.streamID)
                let token = try #require(answered, "answered twice: \(frame.streamID)")
                #expect(frame.identity?.accountID == token)
                guard token.hasPrefix("m") else { continue }
                #expect(frame.streamID > lastFromMemory)
                lastFromMemory = frame.streamID
            }
            try await sent
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("reach nobody else, though their own peer has reset and its descriptor is another connection's by then")
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
            try await eventually("all are gone") { server.connectionCount == 0 }
        }
    }

    @Test("never go out by a descriptor that their channel has closed, since its number is another's by then")
    func closedDescriptor() async throws {
        try await withServer(backend: .echoing()) { _, port in
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            var reachedAnother: Bool?
            // Somebody else in this process may be the first to get the number.
            for _ in 0..<100 where reachedAnother == nil {
                let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
                reachedAnother = try await channel.eventLoop.submit { try Self.writeOnceClosed(channel) }.get()
            }
            #expect(reachedAnother == false)
        }
    }

    /// - Returns: Whether what is written once the channel is closed reaches a socket of ours that has its number; nil if that number
    ///   can't be had.
    private static func writeOnceClosed(_ channel: any Channel) throws -> Bool? {
        let writer = try #require(SocketWriter(channel))
        let operations = channel.pipeline.syncOperations
        let number = try #require(try operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 })
        var pair: [CInt] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
        channel.close(promise: nil)
        // The lowest number from there on that is free.
        let another = fcntl(pair[1], F_DUPFD, number)
        defer { for descriptor in pair + [another] { close(descriptor) } }
        guard another == number else { return nil }
        var bytes = ByteBuffer(string: "somebody's identity")
        writer.write(&bytes)
        var byte: UInt8 = 0
        return unsafe recv(pair[0], &byte, 1, CInt(MSG_DONTWAIT)) == 1
    }

    /// One leaves with calls under way, at one moment or another; the next comes at once and uses the same stream ids.
    private static func leaveAndFollow(_ port: Int, _ name: String, _ round: Int) async throws {
        let ids = (0..<8).map { UInt32($0 * 2 + 1) }
        func ask(_ peer: RawPeer, _ who: String) async throws -> [UInt32: String] {
            let asked = Dictionary(
                uniqueKeysWithValues: ids.map { ($0, "\($0 % 4 == 1 ? "m" : "p")-\(who)-\(name)-\($0)") })
            try await peer.send(try asked.flatMap { try Frames.verify($0.value, streamID: $0.key) })
            return asked
        }
        let leaver = try RawPeer.connect(port: port)
        let left = try await ask(leaver, "leaver")
        for _ in 0..<(round % ids.count) {
            let frame = try await leaver.readFrame()
            #expect(frame.identity?.accountID == left[frame.streamID])
        }
        try leaver.reset()
        let follower = try RawPeer.connect(port: port)
        var unanswered = try await ask(follower, "follower")
        while !unanswered.isEmpty {
            let frame = try await follower.readFrame()
            #expect(frame.identity?.accountID == unanswered.removeValue(forKey: frame.streamID))
        }
        follower.close()
    }
}
