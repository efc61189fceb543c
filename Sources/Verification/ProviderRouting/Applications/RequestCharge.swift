internal import DoormanCore
internal import DoormanSupport

/// Charges the provider requests of one call to its caller. The caller paid for the first request with its cache miss.
struct RequestCharge: Sendable {
    private let caller: Caller?
    private let charge: ApplicationRouter.ChargeExtraRequest
    private var hasSentRequest = false

    /// - Parameter caller: `nil` for a call that no caller pays for.
    init(_ caller: Caller?, charge: @escaping ApplicationRouter.ChargeExtraRequest) {
        self.caller = caller
        self.charge = charge
    }

    /// Records a provider request that was answered.
    mutating func record() {
        if hasSentRequest, let caller { charge(caller) }
        hasSentRequest = true
    }

    /// Records a provider request that failed.
    mutating func record(_ error: VerificationError) {
        // A busy application mostly got no request: its governor turned it down.
        if error.code != .providerBusy { record() }
    }
}
