internal import DoormanCore
internal import DoormanWire

/// How calls came out since the server started, as one event loop counts them. Nobody else touches it while it is counted in, so that a
/// hit pays for an addition; whoever wants to know asks the loop.
struct CallTally: Sendable {
    private struct Ending: Hashable {
        let method: Method
        let failure: Failure?
    }

    private var answered = AnswerTally()
    /// By connections themselves.
    private var refused: [Failure: Int] = [:]
    /// Calls that had to wait.
    private var finished: [Ending: Int] = [:]

    mutating func addHits(_ hits: Int) {
        answered.fromMemory += hits
    }

    /// Adds what a read brought.
    mutating func add(_ tally: AnswerTally) {
        answered.add(tally)
    }

    /// Adds what a connection refused by itself.
    mutating func add(_ refusals: [Failure: Int]) {
        refused.merge(refusals, uniquingKeysWith: +)
    }

    /// A call that had to wait came to an end.
    mutating func addFinished(_ method: Method, failure: Failure?) {
        finished[Ending(method: method, failure: failure), default: 0] += 1
    }

    /// Adds another loop's.
    mutating func add(_ other: CallTally) {
        answered.add(other.answered)
        refused.merge(other.refused, uniquingKeysWith: +)
        finished.merge(other.finished, uniquingKeysWith: +)
    }

    /// What has happened, named as in the metric `doorman_calls_total`.
    var counts: [ServerStatistics.CallKind: UInt64] {
        var counts: [ServerStatistics.CallKind: UInt64] = [:]
        func count(_ kind: ServerStatistics.CallKind, _ calls: Int) {
            if calls > 0 { counts[kind, default: 0] += UInt64(calls) }
        }
        // Memory gives the packed reply alone, so whether it is a refusal is not known here.
        count(.init(method: "Verify", source: "memory", code: ""), answered.fromMemory)
        count(.init(method: "Check", source: "server", nil), answered.healthChecks)
        for (failure, calls) in answered.refusals + Array(refused) {
            count(.init(method: "", source: "server", failure), calls)
        }
        for (ending, calls) in finished {
            count(.init(method: ending.method.name.description, source: ending.method.source, ending.failure), calls)
        }
        return counts
    }
}

extension ServerStatistics.CallKind {
    fileprivate init(method: String, source: String, _ failure: Failure?) {
        self.init(
            method: method, source: source, code: (failure?.row.code ?? .ok).description, reason: failure?.row.reason ?? "")
    }
}

extension Method {
    /// Who answers it where memory does not.
    var source: String {
        switch self {
        case .verify, .exchange, .revoke, .listAccounts, .deleteAccount: "provider"
        case .statistics, .healthCheck: "server"
        }
    }
}
