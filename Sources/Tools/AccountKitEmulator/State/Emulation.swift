/// All that the emulator knows, and what it makes of a call: contract, faults, counts and control paths in one value. It asks the
/// clock and the generator of its settings, and nobody else.
package struct Emulation: Sendable {
    package var contract: Contract
    package internal(set) var statistics = Statistics()
    private(set) var faults: FaultPlan
    let now: @Sendable () -> ContinuousClock.Instant
    /// The app that is meant where none is named.
    let defaultApp: String

    package init(settings: EmulatorSettings) throws(EmulatorError) {
        contract = try Contract(apps: settings.apps, limits: settings.limits)
        faults = FaultPlan(seed: settings.faultSeed ?? UInt64.random(in: .min ... .max))
        now = settings.clock
        defaultApp = settings.apps.first?.id ?? ""
    }

    /// What became of a call: how to answer, and what to call it in the log.
    package struct Outcome: Sendable {
        package let name: String
        package let delivery: Delivery
    }

    package mutating func respond(to call: Call, form: RequestForm = RequestForm()) -> Outcome {
        guard call.path.first != "emulator" else {
            return Outcome(name: "control", delivery: Delivery(control(call), for: form))
        }
        let endpoint = contract.endpoint(of: call)
        statistics.count(endpoint)
        guard let fault = faults.take(for: endpoint, at: now()) else {
            return Outcome(name: endpoint.rawValue, delivery: Delivery(contract.answer(call), for: form))
        }
        let answer = fault.refusal ?? fault.alter(contract.answer(call, flaw: fault.flaw))
        let delivery = fault.delivery(of: answer, for: form, using: &faults.dice)
        return Outcome(name: endpoint.rawValue, delivery: delivery)
    }

    /// - Parameter fault: Nil to go right again.
    mutating func setFault(_ fault: Fault?, for endpoint: Endpoint?, on terms: FaultTerms = FaultTerms()) {
        faults.set(fault, for: endpoint, on: terms, at: now())
    }

    mutating func clearFaults() {
        faults.clear()
    }

    mutating func resetStatistics() {
        statistics.reset()
    }
}
