internal import CallerLimits
internal import DoormanCache
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore
internal import TestKit

/// A part of a cache hit, or the whole hit, that can be repeated.
struct Step {
    let name: String
    let run: (Int) -> Void
}

/// The steps of a cache hit in their order, without a socket.
struct Steps {
    private let scene: Scene
    private let tokens: [Token]
    /// The request frame of each token.
    private let frames: [ByteBuffer]

    /// - Parameters:
    ///   - scene: The scene, with a filled cache.
    ///   - entries: Number of cached tokens.
    ///   - used: Number of tokens that are looked up, in random order.
    init(_ scene: Scene, entries: Int, used: Int) throws {
        self.scene = scene
        tokens = (0..<used).map { Scene.token($0 * entries / used) }.shuffled()
        frames = try tokens.map { token in
            let data = try RequestEncoder.encode(VerificationRequest(token: token), timeout: .seconds(2))
            var frame = ByteBuffer()
            frame.writeFrame(.request, streamID: StreamID(1), data: data)
            return frame
        }
    }

    var all: [Step] {
        get throws {
            [decode, try key, lookup, encode, hit(depth: 1), hit(depth: 16)]
        }
    }

    /// Decodes bytes to a frame, a call and its token.
    private var decode: Step {
        var decoder = FrameDecoder(maximumLength: 64 << 10)
        return Step(name: "decode") { [frames] count in
            for number in 0..<count {
                decoder.append(frames[number % frames.count])
                guard case .frame = decoder.next() else { preconditionFailure("the bytes are a frame") }
                let call = decoder.withData { CanonicalVerifyRequest($0) }
                precondition(call?.token.isEmpty == false)
            }
        }
    }

    /// Computes the key of a token.
    private var key: Step {
        get throws {
            let maker = try TokenKeyMaker()
            return Step(name: "key") { [tokens] count in
                var sum = 0
                for number in 0..<count {
                    let token = tokens[number % tokens.count].bytes
                    sum &+= maker.key(forToken: token.span).hashValue
                }
                precondition(sum != 1)
            }
        }
    }

    /// Looks up a token: key, entry, order of use.
    private var lookup: Step {
        Step(name: "key, lookup") { [tokens, verifier = scene.verifier] count in
            let now = TimeSource.system.now()
            var response = EncodedResponse()
            for number in 0..<count {
                let token = tokens[number % tokens.count].bytes
                let hit = verifier.lookup(
                    verifier.key(of: token.span), applicationID: Span(), maxAgeSeconds: 0, now: now, into: &response)
                precondition(hit != nil)
            }
        }
    }

    /// Writes the frame of an encoded response.
    private var encode: Step {
        let response = EncodedResponse(bytes: ResponseEncoder.encode(Identity.steady(of: tokens[0])))
        return Step(name: "encode") { count in
            var output = ByteBuffer()
            for number in 0..<count {
                if number % 16 == 0 { output.clear() }
                output.writeFrame(.response, streamID: StreamID(1), data: response)
            }
        }
    }

    /// Runs a whole cache hit from received to sent bytes, without a socket.
    ///
    /// - Parameter depth: Number of requests in one read.
    private func hit(depth: Int) -> Step {
        let reads = stride(from: 0, through: frames.count - depth, by: depth).map { first in
            frames[first..<first + depth].reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        }
        let dispatcher = RequestDispatcher(
            backend: scene.backend, policy: .standard, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 1), settings: ServerSettings())
        var connection = TTRPCConnection(
            ConnectionState(
                limits: ConnectionLimits(), counters: dispatcher.counters, now: TimeSource.system.now()))
        let caller = dispatcher.context(for: Caller(name: "ip:127.0.0.1"))
        return Step(name: "hit of \(depth)") { [backend = scene.backend] count in
            for number in 0..<count / depth {
                let now = backend.timeSource.now()
                var read = RequestContext(caller: caller, now: now, isDraining: connection.isDraining)
                connection.receive(reads[number % reads.count])
                let limit = TurnLimit(outputBytes: 1 << 20)
                let end = connection.takeTurn(dispatcher, in: &read, limit: limit) { _ in false }
                _ = connection.endTurn(now: now)
                precondition(end == .finished && connection.takeOutput() != nil)
            }
            precondition(dispatcher.counters.snapshot.calls.keys.allSatisfy { $0.source == .cache && $0.failure == nil })
        }
    }
}
