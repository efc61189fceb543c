import Testing

@testable import DoormanClient
@testable import DoormanWire

@Suite("the failure contract in the client")
struct FailureContractTests {
    private func error(_ failure: Failure, mayBeRepeated: Bool = true) -> DoormanError {
        let status = ResponseDecoder.Status(
            code: failure.row.code, message: "m", reason: failure.row.reason, retryAfter: .seconds(3))
        return DoormanError(status, mayBeRepeated: mayBeRepeated)
    }

    @Test("only verdicts about the token are rejections", arguments: Failure.allCases)
    func kinds(failure: Failure) {
        let rejections: Set<Failure> = [.tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken]
        #expect((error(failure).rejection != nil) == rejections.contains(failure))
    }

    @Test("only a valid token that lacks a scope makes a call forbidden", arguments: Failure.allCases)
    func forbidden(failure: Failure) {
        #expect((error(failure).kind == .forbidden(.insufficientScope)) == (failure == .insufficientScope))
    }

    @Test("every error has the reason of its row", arguments: Failure.allCases)
    func names(failure: Failure) {
        let name =
            switch error(failure).kind {
            case .rejected(let reason): reason.description
            case .forbidden(let reason): reason.description
            case .unavailable(let reason): reason.description
            }
        #expect(name == failure.row.reason ?? failure.row.code.description)
    }

    @Test("idempotent calls are retryable as the contract says", arguments: Failure.allCases)
    func retry(failure: Failure) {
        #expect(error(failure).isRetryable == (failure.row.retry != .no))
        var isVerdict = true
        if case .unavailable = error(failure).kind { isVerdict = false }
        #expect(error(failure).retryAfter == (isVerdict ? nil : .seconds(3)))
    }

    @Test("an exchange is retryable only if it was not begun", arguments: Failure.allCases)
    func exchange(failure: Failure) {
        let notBegun: Set<Failure> = [
            .tooManyCalls, .tooManyMisses, .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer, .tooManyDenials,
            .draining,
        ]
        #expect(error(failure, mayBeRepeated: false).isRetryable == notBegun.contains(failure))
    }

    @Test("the default retryAfter of a busy server is one second")
    func defaultPause() {
        let row = Failure.providerBusy.row
        let status = ResponseDecoder.Status(code: row.code, message: "", reason: row.reason, retryAfter: nil)
        #expect(DoormanError(status, mayBeRepeated: true).retryAfter == .seconds(1))
    }

    @Test(
        "the status code decides for an unknown reason",
        arguments: [
            (.unauthenticated, .rejected(.other), false), (.unavailable, .unavailable(.providerUnavailable), true),
            (.resourceExhausted, .unavailable(.serverBusy), true), (.invalidArgument, .unavailable(.malformedRequest), false),
            (.notFound, .unavailable(.notFound), false), (.permissionDenied, .unavailable(.callerNotAllowed), false),
            (.failedPrecondition, .unavailable(.providerMisconfigured), false),
            (.unimplemented, .unavailable(.unimplemented), false), (.deadlineExceeded, .unavailable(.deadlineExceeded), true),
            (.internal, .unavailable(.serverFailure), false), (StatusCode(rawValue: 99), .unavailable(.serverFailure), false),
        ] as [(StatusCode, DoormanError.Kind, Bool)])
    func unknownReasons(code: StatusCode, kind: DoormanError.Kind, isRetryable: Bool) {
        let status = ResponseDecoder.Status(code: code, message: "", reason: "NEW_REASON", retryAfter: nil)
        let error = DoormanError(status, mayBeRepeated: true)
        #expect(error.kind == kind)
        #expect(error.isRetryable == isRetryable)
        #expect(error.message == "the server responded with status \(code)")
    }
}
