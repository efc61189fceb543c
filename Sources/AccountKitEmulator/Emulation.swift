/// All that the emulator knows, and what it makes of a call: contract, faults, counts and control paths in one pure value.
package struct Emulation: Sendable {
    package var contract: Contract
    package private(set) var statistics = Statistics()
    var faults = FaultPlan()
    /// The app that is meant where none is named.
    let defaultApp: String

    package init(settings: EmulatorSettings) throws(EmulatorError) {
        contract = try Contract(apps: settings.apps, limits: settings.limits)
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
        guard let fault = faults.take(for: endpoint) else {
            return Outcome(name: endpoint.rawValue, delivery: Delivery(contract.answer(call), for: form))
        }
        let answer = fault.refusal ?? fault.damage(contract.answer(call, flaw: fault.flaw))
        return Outcome(name: endpoint.rawValue, delivery: fault.delivery(of: answer, for: form))
    }

    mutating func resetStatistics() {
        statistics = Statistics()
    }
}
