import Testing

@testable import DoormanClient
@testable import DoormanWire

@Suite("the failure contract as a caller sees it")
struct FailureContractTests {
    private func error(_ failure: Failure, mayBeRepeated: Bool = true) -> DoormanError {
        let status = ResponseDecoder.Status(
            code: failure.row.code, message: "m", reason: failure.row.reason, retryAfter: .seconds(3))
        return DoormanError(status, mayBeRepeated: mayBeRepeated)
    }

    @Test("only verdicts about the token are refusals; nothing else ever is", arguments: Failure.allCases)
    func kinds(failure: Failure) {
        let refusals: Set<Failure> = [.tokenRejected, .wrongApplication, .proofRejected, .malformedToken]
        #expect((error(failure).rejection != nil) == refusals.contains(failure))
    }

    @Test("every row keeps its name", arguments: Failure.allCases)
    func names(failure: Failure) {
        let name =
            switch error(failure).kind {
            case .rejected(let reason): reason.description
            case .unavailable(let reason): reason.description
            }
        #expect(name == failure.row.reason ?? failure.row.code.description)
    }

    @Test("what the contract says of retrying holds for calls that may be repeated", arguments: Failure.allCases)
    func retry(failure: Failure) {
        #expect(error(failure).isRetryable == (failure.row.retry != .no))
        #expect(error(failure).retryAfter == (error(failure).rejection == nil ? .seconds(3) : nil))
    }

    @Test("an exchange may be made again only if it was not begun", arguments: Failure.allCases)
    func exchange(failure: Failure) {
        let notBegun: Set<Failure> = [
            .tooManyCalls, .tooManyMisses, .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer, .draining,
        ]
        #expect(error(failure, mayBeRepeated: false).isRetryable == notBegun.contains(failure))
    }

    @Test("a busy server that names no time is left alone for a second")
    func defaultPause() {
        let row = Failure.providerBusy.row
        let status = ResponseDecoder.Status(code: row.code, message: "", reason: row.reason, retryAfter: nil)
        #expect(DoormanError(status, mayBeRepeated: true).retryAfter == .seconds(1))
    }

    @Test(
        "where the reason is unknown the code decides, and only one code refuses",
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
        #expect(error.message == "the server answered \(code)")
    }
}
