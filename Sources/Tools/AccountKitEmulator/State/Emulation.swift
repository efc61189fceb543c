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

/// The control paths, `/emulator/…`: what a script does in place of a person with a phone, and of fate. Account Kit had none of them.
///
///     POST   /emulator/login?phone=%2B15551234567&response=token   → {"access_token":"EMAW…","id":"…"}
///     POST   /emulator/login?email=test@example.com&response=code  → {"code":"AQ…","id":"…"}
///     POST   /emulator/revoke?access_token=EMAW…  or  ?account=…   → {"success":true}
///     GET    /emulator/statistics                                  → {"access_token":0,"me":3,…,"total":3,"connections":{…}}
///     DELETE /emulator/statistics                                  → {"success":true}
///     POST   /emulator/fault?name=latency&endpoint=me&times=3      → {"success":true}
///     GET    /emulator/fault                                       → {"faults":[{"name":"latency","endpoint":"me",…}]}
///     DELETE /emulator/fault  or  ?endpoint=me                     → {"success":true}
///
/// A fault takes parameters of its own, which the refusal of an unknown name lists, and those of every fault, in any combination:
///
///     endpoint=me               calls of this endpoint only; without it, all that no fault of their own spoils
///     times=3                   three calls go wrong, then all is right again
///     probability=0.25          every fourth call by chance goes wrong; 25% says the same
///     after_milliseconds=5000   nothing goes wrong until five seconds from now
///     for_milliseconds=10000    from then on calls go wrong for ten seconds
///
/// `GET` lists what is set, with what is left of it: `times`, and `after_milliseconds` and `for_milliseconds` as of now.
extension Emulation {
    mutating func control(_ call: Call) -> Answer {
        do throws(EmulatorError) {
            switch (call.method, call.path.dropFirst().first, call.path.count) {
            case ("POST", "login", 2): return .control(try logIn(call.query))
            case ("POST", "revoke", 2): return .control(try revoke(call.query))
            case ("GET", "statistics", 2): return .control(statistics.json)
            case ("DELETE", "statistics", 2): resetStatistics()
            case ("POST", "fault", 2): try setFault(call.query)
            case ("GET", "fault", 2): return .control(["faults": .array(faults.listing(at: now()))])
            case ("DELETE", "fault", 2): try clearFault(call.query)
            case (_, "login", 2), (_, "revoke", 2), (_, "statistics", 2), (_, "fault", 2):
                return .control(["error": "this control path has no such method"], status: 405)
            default: return .control(["error": "no such control path"], status: 404)
            }
            return .control(["success": true])
        } catch {
            return .control(["error": .string(error.message)], status: error.code == .notFound ? 404 : 400)
        }
    }

    /// `app` defaults to the first, `response` to what the app's client access token flow gives.
    private mutating func logIn(_ query: [String: String]) throws(EmulatorError) -> JSON {
        let app = query["app"] ?? defaultApp
        let givesToken = try contract.settings(ofApp: app).enablesClientAccessTokenFlow
        let contact: Contact
        switch (query["phone"], query["email"]) {
        case (let phone?, nil): contact = try contract.phone(phone, countryPrefix: query["country_prefix"], app: app)
        case (nil, let email?): contact = try .email(checking: email)
        default: throw EmulatorError(.badArgument, "phone, email: exactly one of them must be given")
        }
        switch query["response"] ?? (givesToken ? "token" : "code") {
        case "token":
            let issued = try contract.logIn(app: app, contact: contact)
            return ["access_token": .string(issued.credential), "id": .string(issued.accountID)]
        case "code":
            let issued = try contract.issueCode(app: app, contact: contact)
            return ["code": .string(issued.credential), "id": .string(issued.accountID)]
        default: throw EmulatorError(.badArgument, "response: must be token or code")
        }
    }

    private mutating func revoke(_ query: [String: String]) throws(EmulatorError) -> JSON {
        switch (query["access_token"], query["account"]) {
        case (let token?, nil):
            guard contract.account(ofToken: token) != nil else {
                throw EmulatorError(.notFound, "access_token: there is no such token")
            }
            contract.revoke(token: token)
        case (nil, let account?):
            guard contract.directory.accounts[account] != nil else {
                throw EmulatorError(.notFound, "account: there is none with this id")
            }
            contract.revokeTokens(ofAccount: account)
        default: throw EmulatorError(.badArgument, "access_token, account: exactly one of them must be given")
        }
        return ["success": true]
    }

    private mutating func setFault(_ query: [String: String]) throws(EmulatorError) {
        let form = try FaultForm(name: query["name"])
        let own = form.parameters.map(\.name)
        guard query.keys.allSatisfy({ (["name", "endpoint"] + FaultTerms.parameters + own).contains($0) }) else {
            let takes = (own + ["endpoint"] + FaultTerms.parameters).joined(separator: ", ")
            throw EmulatorError(.badArgument, "\(form.name): takes no other parameters than \(takes)")
        }
        let (fault, terms) = (try form.fault(query), try FaultTerms(query))
        setFault(fault, for: try endpoint(query), on: terms)
    }

    private mutating func clearFault(_ query: [String: String]) throws(EmulatorError) {
        if let endpoint = try endpoint(query) {
            setFault(nil, for: endpoint)
        } else {
            clearFaults()
        }
    }

    private func endpoint(_ query: [String: String]) throws(EmulatorError) -> Endpoint? {
        guard let name = query["endpoint"] else { return nil }
        guard let endpoint = Endpoint(rawValue: name) else {
            let names = Endpoint.allCases.map(\.rawValue).joined(separator: ", ")
            throw EmulatorError(.badArgument, "endpoint: must be one of \(names)")
        }
        return endpoint
    }
}
