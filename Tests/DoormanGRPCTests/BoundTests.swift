import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

@testable import DoormanGRPC

@Suite("Bounds of a connection of HTTP/2")
struct BoundTests {
    @Test("an incomplete request times out without its connection")
    func incompleteRequest() throws {
        let conversation = Conversation { $0.frameTimeout = .seconds(10) }
        let whole = conversation.client.request(GRPCRequest.headers(timeout: "30S"), body: GRPCRequest.verify("unknown"))
        let partial = conversation.client.request(GRPCRequest.headers(), body: [0, 0], .open)
        conversation.exchange()
        let call = try #require(conversation.takeStarted().first)
        #expect(conversation.connection.nextTimer == conversation.clock.now.advanced(by: .seconds(10)))
        conversation.pass(.milliseconds(9_999))
        #expect(conversation.response(partial).http.closeCode == nil)
        conversation.pass(.milliseconds(1))
        #expect(conversation.response(partial).http.closeCode == 8)
        let next = conversation.connection.nextTimer
        #expect(next > conversation.clock.now)
        #expect(conversation.directives.isEmpty)
        conversation.answer(call)
        #expect(conversation.response(whole).identity == .someone)
    }

    @Test("a preface that stays incomplete ends the connection")
    func preface() {
        let conversation = Conversation { $0.frameTimeout = .seconds(10) }
        conversation.receive(Array(HTTP2Frame.preface.prefix(10)))
        conversation.pass(.seconds(10))
        #expect(conversation.directives == [.close(.frameTimeout)])
    }

    @Test("a peer that opens no window is cut off after the write timeout")
    func closedWindow() {
        let conversation = Conversation(client: HTTP2Client(streamWindow: 0)) { $0.writeTimeout = .seconds(10) }
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached"))
        conversation.exchange()
        #expect(conversation.response(id).http[":status"] == "200")
        #expect(conversation.response(id).http.body.isEmpty)
        #expect(conversation.connection.nextTimer == conversation.clock.now.advanced(by: .seconds(10)))
        // PING is no progress.
        for _ in 0..<9 {
            conversation.client.ping()
            conversation.pass(.seconds(1))
        }
        #expect(conversation.directives.isEmpty)
        conversation.pass(.seconds(1))
        #expect(conversation.directives == [.close(.notReading)])
        #expect(conversation.connection.nextTimer == .distantFuture)
    }

    @Test("a peer that opens its window slowly gets its responses")
    func slowWindow() {
        let conversation = Conversation(client: HTTP2Client(streamWindow: 0)) { $0.writeTimeout = .seconds(10) }
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached"))
        conversation.exchange()
        for size in stride(from: UInt32(10), through: 200, by: 10) {
            conversation.pass(.seconds(9))
            conversation.client.setStreamWindow(size)
            conversation.exchange()
        }
        #expect(conversation.directives.isEmpty)
        #expect(conversation.response(id).identity == .someone)
    }

    @Test("responses that a closed window holds back are bounded")
    func heldResponses() {
        let conversation = Conversation(client: HTTP2Client(streamWindow: 0)) { $0.writeBufferHighWaterMark = 10_000 }
        let ids = (0..<1000).map { _ in conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached")) }
        conversation.exchange()
        let failed = ids.filter { conversation.response($0).code == 8 }
        #expect(failed.count > 800)
        #expect(conversation.response(ids[999]).message?.contains("server.write-high-water-mark") == true)
        #expect(conversation.response(ids[999]).retryMilliseconds == 100)
        conversation.client.setStreamWindow(65_535)
        conversation.exchange()
        #expect(ids.filter { conversation.response($0).identity == .someone }.count == 1000 - failed.count)
        #expect(conversation.call().identity == .someone)
    }

    /// The opening of a client that knows the server's SETTINGS, and requests whose calls wait.
    private func requests(_ count: Int) -> [UInt8] {
        let block = HTTP2Frame.block(GRPCRequest.headers())
        return HTTP2Frame.opening + HTTP2Frame.frame(4, flags: 1)
            + (0..<count).flatMap { index in
                let id = UInt32(2 * index + 1)
                return HTTP2Frame.headers(id, block)
                    + HTTP2Frame.data(id, GRPCRequest.verify("unknown"), flags: HTTP2Frame.endStream)
            }
    }

    @Test("a peer can have 1,024 calls")
    func concurrentStreams() {
        let conversation = Conversation { $0.maximumCallsInFlight = 5000 }
        conversation.receive([])
        conversation.receive(requests(1024))
        #expect(conversation.connection.callsInFlight == 1024)
        #expect(conversation.directives.isEmpty)
    }

    @Test("a peer that knows the limit of streams and exceeds it is cut off")
    func tooManyStreams() {
        let conversation = Conversation { $0.maximumCallsInFlight = 5000 }
        conversation.receive([])
        conversation.receive(requests(1025))
        #expect(conversation.directives.count == 1)
        #expect(conversation.connection.callsInFlight == 0)
    }

    @Test("responses leave early while more requests of a read wait")
    func earlyWrites() {
        let conversation = Conversation()
        conversation.exchange()
        let ids = (0..<200).map { _ in conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached")) }
        conversation.exchange()
        #expect(ids.allSatisfy { conversation.response($0).identity == .someone })
        #expect(conversation.earlyWrites.count > 3)
        #expect(conversation.earlyWrites.allSatisfy { (4096..<8192).contains($0) })
    }

    @Test("a closed window causes no empty writes")
    func noEmptyWrites() {
        let conversation = Conversation(client: HTTP2Client(streamWindow: 0))
        _ = (0..<200).map { _ in conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached")) }
        conversation.exchange()
        #expect(!conversation.earlyWrites.contains(0))
    }

    @Test("a peer may send any number of PINGs while it reads")
    func pings() {
        let conversation = Conversation()
        conversation.exchange()
        for _ in 0..<3 {
            let output = conversation.receive((0..<5000).flatMap { HTTP2Frame.ping(UInt8($0 & 0xff)) })
            #expect(output.count == 5000 * 17)
        }
        #expect(conversation.directives.isEmpty)
        #expect(conversation.call().identity == .someone)
    }

    @Test("a client that measures bandwidth by PINGs gets each ACK, and may give up calls at a slow rate")
    func bandwidthProbes() {
        let conversation = Conversation()
        for _ in 0..<6000 {
            // grpc-go and grpc-java send a PING with each response that arrives after the last ACK.
            #expect(conversation.call().identity == .someone)
            let given = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("unknown"))
            conversation.client.ping()
            conversation.exchange()
            conversation.client.reset(given)
            conversation.pass(.milliseconds(1))
        }
        let pingType = HTTP2Frame.ping()[3]
        #expect(conversation.client.frames.count { $0 == pingType } == 6000)
        #expect(conversation.directives.isEmpty)
        #expect(conversation.client.goAways.isEmpty)
        #expect(conversation.cancelled.count == 6000)
    }

    @Test("a turn handles at most 64 requests that are no hits")
    func turn() {
        let conversation = Conversation()
        conversation.exchange()
        let block = HTTP2Frame.block(GRPCRequest.headers(path: "/unknown"))
        let flags = HTTP2Frame.endHeaders | HTTP2Frame.endStream
        conversation.connection.receive(
            .init(bytes: (0..<200).flatMap { HTTP2Frame.headers(UInt32(2 * $0 + 1), block, flags: flags) }))
        var context = RequestContext(
            caller: conversation.dispatcher.context(for: Caller(name: "ip:127.0.0.1")), now: conversation.clock.now,
            isDraining: false)
        var ends: [TurnEnd] = []
        repeat {
            let limit = TurnLimit(outputBytes: 1 << 20)
            ends.append(
                conversation.connection.takeTurn(conversation.dispatcher, in: &context, limit: limit) { _ in false })
        } while ends.last == .framesWait
        #expect(ends == [.framesWait, .framesWait, .framesWait, .finished])
    }
}
