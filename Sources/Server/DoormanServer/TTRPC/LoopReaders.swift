internal import CallerLimits
internal import NIOConcurrencyHelpers
internal import NIOCore

/// One ``RequestDispatcher`` for each event loop of a group.
struct LoopReaders: Sendable {
    private let readers: [ObjectIdentifier: NIOLoopBoundBox<RequestDispatcher>]
    private let loops: [any EventLoop]
    private let current: NIOLockedValueBox<(policy: CallerPolicy, generation: Int)>
    /// Calls that wait at all loops.
    let waiting: InFlightCounter

    init(group: any EventLoopGroup, backend: AuthBackend, settings: ServerSettings) {
        let shares = CallerQuotaRegistry(maximumCallers: settings.maximumCallers)
        let waiting = InFlightCounter(maximum: settings.maximumWaitingCalls)
        self.waiting = waiting
        let policy = settings.policy ?? .open(accountsCallers: settings.accountsCallers)
        current = NIOLockedValueBox((policy, 0))
        loops = Array(group.makeIterator())
        readers = Dictionary(
            uniqueKeysWithValues: loops.map { loop in
                let reader = RequestDispatcher(
                    backend: backend, policy: policy, shares: shares, waiting: waiting,
                    maximumFrameLength: settings.connection.maximumFrameLength)
                return (ObjectIdentifier(loop), NIOLoopBoundBox.makeBoxSendingValue(reader, eventLoop: loop))
            })
    }

    /// The loop's own reader. Called on that loop.
    func reader(for loop: any EventLoop) -> RequestDispatcher {
        box(of: loop).value
    }

    /// Gives every loop another policy. Of two that are given at the same time all loops end with the same one: they take them in the
    /// order of their generations.
    ///
    /// - Returns: What is fulfilled when a loop has it.
    func replacePolicy(_ new: CallerPolicy) -> [EventLoopFuture<Void>] {
        current.withLockedValue { current in
            current = (new, current.generation + 1)
            return loops.map { loop in
                let (box, generation) = (box(of: loop), current.generation)
                return loop.submit { box.value.replacePolicy(new, generation: generation) }
            }
        }
    }

    /// What the calls of all loops came to.
    func tally() async -> CallTally {
        let tallies = loops.map { loop in
            let box = box(of: loop)
            return loop.submit { box.value.counted }
        }
        var sum = CallTally()
        for tally in tallies {
            // A loop that is shut down counts no more.
            if let tally = try? await tally.get() { sum.add(tally) }
        }
        return sum
    }

    /// The policy that was given last.
    var policy: CallerPolicy { current.withLockedValue { $0.policy } }

    private func box(of loop: any EventLoop) -> NIOLoopBoundBox<RequestDispatcher> {
        guard let box = readers[ObjectIdentifier(loop)] else { preconditionFailure("the loop is not of the server's group") }
        return box
    }
}
