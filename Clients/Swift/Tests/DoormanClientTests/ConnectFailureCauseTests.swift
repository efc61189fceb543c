import Testing

@testable import DoormanClient

@Suite("Cause of a failed connection")
struct ConnectFailureCauseTests {
    @Test(
        "the message of a failure has the words of its cause",
        arguments: [
            (ConnectFailure.hung, ConnectFailureCause.silentServer), (.noSuchName, .unknownName), (.notAllowed, .notAllowed),
            (.timedOut, .timedOut), (.handshake("TLS failed"), .otherTLSFailure), (.unusableTLS("no key"), .otherTLSFailure),
            (.refused, nil), (.noSuchSocket, nil), (.closedByPeer, nil), (.notServing, nil), (.other, nil),
        ] as [(ConnectFailure, ConnectFailureCause?)])
    func words(failure: ConnectFailure, cause: ConnectFailureCause?) {
        #expect(ConnectFailureCause(in: DoormanError.unreachable("a.test:7117", failure).message) == cause)
    }
}
