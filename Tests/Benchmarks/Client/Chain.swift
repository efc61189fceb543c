internal import DoormanClient

/// A chain of calls in which the completion of each call makes the next. `@unchecked`: after ``run()`` has made the first call, all
/// state is used on the client's thread.
final class Chain: @unchecked Sendable {
    private let client: DoormanClient
    private var turn: Turn
    private var end: CheckedContinuation<Int, any Error>?

    init(_ client: DoormanClient, _ turn: Turn) {
        self.client = client
        self.turn = turn
    }

    /// - Returns: The number of counted calls.
    func run() async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            end = continuation
            call()
        }
    }

    private func call() {
        guard let token = turn.next() else {
            end?.resume(returning: turn.count)
            return
        }
        do throws(DoormanError) {
            try client.verify(token) { [self] outcome in
                switch outcome {
                case .success(let identity):
                    precondition(!identity.accountID.isEmpty)
                    call()
                case .failure(let error): end?.resume(throwing: error)
                }
            }
        } catch {
            end?.resume(throwing: error)
        }
    }
}
