internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// An issuer in a ``World``: it publishes keys, withdraws them, and fails. It serves its key set, and nothing else.
final class SimulatedIssuer: Sendable {
    static let url = "https://login.example.org/"
    static let audience = "orders-api"
    static let keysURL = "https://login.example.org/keys"

    enum Condition: Sendable, CaseIterable {
        case healthy
        /// Connections fail.
        case down
        /// Responses take seconds, and some too many of them.
        case slow
        /// Requests get no response.
        case hanging
        /// An error page with status 200.
        case html
        /// A key set without keys.
        case empty
        case serverError
    }

    private struct State {
        /// The numbers of the published keys, in the order of publication.
        var published: [Int]
        var condition = Condition.healthy
    }

    private let world: World
    private let ledger: NIOLockedValueBox<IssuerLedger>
    private let keys: [SimulatedKey]
    private let state: NIOLockedValueBox<State>
    /// `Cache-Control` of the key set; `nil` for none.
    private let cacheControl: String?

    init(world: World, ledger: NIOLockedValueBox<IssuerLedger>, keys: [SimulatedKey]) {
        self.world = world
        self.ledger = ledger
        self.keys = keys
        state = NIOLockedValueBox(State(published: [0]))
        cacheControl = world.draw { [nil, "max-age=0", "max-age=60", "max-age=600", "max-age=3600"].randomElement(using: &$0)! }
        ledger.withLockedValue { [now = world.now] in $0.published(keys[0].id, at: now) }
    }

    var condition: Condition { state.withLockedValue(\.condition) }

    func set(_ condition: Condition) { state.withLockedValue { $0.condition = condition } }

    /// The numbers of the published keys.
    var published: [Int] { state.withLockedValue(\.published) }

    func publish(_ number: Int) {
        guard !published.contains(number) else { return }
        state.withLockedValue { $0.published.append(number) }
        ledger.withLockedValue { [now = world.now, id = keys[number].id] in $0.published(id, at: now) }
    }

    /// Withdraws the oldest key, unless it is the last one.
    func withdraw() {
        let number = state.withLockedValue { $0.published.count > 1 ? $0.published.removeFirst() : nil }
        guard let number else { return }
        ledger.withLockedValue { [id = keys[number].id] in $0.withdrew(id) }
    }

    /// Responds to a request for the key set.
    func respond(to request: HTTPRequest, deadline: Deadline) async throws(VerificationError) -> HTTPResponse {
        precondition(request.url == Self.keysURL, "only the key set is requested")
        ledger.withLockedValue { [now = world.now] in $0.fetchBegan(at: now) }
        defer { ledger.withLockedValue { $0.fetchEnded() } }
        let condition = condition
        try await wait(condition == .slow ? .seconds(8) : .milliseconds(200), until: deadline)
        let ids = published.map { keys[$0].id }
        let set = #"{"keys":["# + published.map { keys[$0].json }.joined(separator: ",") + "]}"
        try await wait(condition == .slow ? .seconds(8) : .milliseconds(200), until: deadline)
        switch condition {
        case .down: throw VerificationError(.providerUnavailable, "Cannot connect to the host.")
        case .hanging:
            await world.sleep(until: deadline.instant)
            throw .noResponse
        case .html: return HTTPResponse(status: 200, headers: ["Content-Type": "text/html"], body: Array("<html>".utf8))
        case .empty: return HTTPResponse(status: 200, body: Array(#"{"keys":[]}"#.utf8))
        case .serverError: return HTTPResponse(status: 503)
        case .healthy, .slow:
            ledger.withLockedValue { [now = world.now] in $0.keysArrived(ids, at: now) }
            var headers: HTTPHeaders = [:]
            headers["Cache-Control"] = cacheControl
            return HTTPResponse(status: 200, headers: headers, body: Array(set.utf8))
        }
    }

    /// Waits for a part of a response's time.
    private func wait(_ longest: Duration, until deadline: Deadline) async throws(VerificationError) {
        let end = world.now.advanced(by: world.draw { $0.chance(20) ? .microseconds(1) : $0.duration(.microseconds(1)...longest) })
        await world.sleep(until: min(end, deadline.instant))
        guard end < deadline.instant else { throw .noResponse }
    }
}

extension VerificationError {
    fileprivate static let noResponse = VerificationError(.deadlineExceeded, "No response arrived.", request: .sent)
}
