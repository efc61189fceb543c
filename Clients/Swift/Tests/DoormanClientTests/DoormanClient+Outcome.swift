import DoormanClient

extension DoormanClient {
    /// Returns the outcome of a verify with a completion.
    func outcome(of token: Token, timeout: Duration? = nil) async -> Result<Identity, DoormanError> {
        await withCheckedContinuation { continuation in
            do throws(DoormanError) {
                try verify(token, timeout: timeout) { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
}
