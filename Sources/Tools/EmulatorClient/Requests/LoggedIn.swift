package import DoormanCore
private import FoundationEssentials

/// Somebody who is logged in.
package struct LoggedIn: Sendable, Hashable {
    /// Good for one exchange.
    package let code: AuthorizationCode
    package let accountID: String

    /// Reads the emulator's answer.
    ///
    /// - Throws: ``EmulatorFailure/refused(_:)`` with the emulator's words, or ``EmulatorFailure/noEmulator(_:)`` if it is not in the
    ///   form that every emulator's answer has.
    init(_ answer: HTTPAnswer) throws(EmulatorFailure) {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body)) else {
            throw .noEmulator("it answered \(answer.status), and not as an emulator does")
        }
        switch (answer.status, body.code, body.id, body.error) {
        case (200, let code?, let id?, nil):
            self.code = AuthorizationCode(code)
            accountID = id
        case (400, nil, nil, let error?), (404, nil, nil, let error?): throw .refused(error)
        default: throw .noEmulator("it answered \(answer.status), and not as an emulator does")
        }
    }

    private struct Body: Decodable {
        let code: String?
        let id: String?
        let error: String?
    }
}
