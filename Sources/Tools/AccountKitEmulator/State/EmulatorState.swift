/// The state of an emulator as one value: Graph API, faults, statistics and control paths. Time and randomness come from the clock
/// and the seed of the settings.
package struct EmulatorState: Sendable {
    package var graph: GraphAPI
    var issuer: OpenIDIssuer
    package internal(set) var statistics = EmulatorStatistics()
    private(set) var faults: FaultInjector
    let now: @Sendable () -> ContinuousClock.Instant
    private let wallClock: @Sendable () -> Int
    /// The id of the app for instructions that name none.
    let defaultApp: String

    package init(settings: EmulatorSettings) throws(EmulatorError) {
        graph = try GraphAPI(apps: settings.apps, limits: settings.limits)
        issuer = try OpenIDIssuer(
            url: settings.issuer ?? "http://127.0.0.1:\(settings.port)/oidc", keysMaxAge: settings.keysMaxAge)
        faults = FaultInjector(seed: settings.faultSeed ?? UInt64.random(in: .min ... .max))
        now = settings.clock
        wallClock = settings.wallClock
        defaultApp = settings.apps.first?.id ?? ""
    }

    /// The result of a request: its response, and its name in the log.
    package struct Outcome: Sendable {
        package let name: String
        package let script: ResponseScript
    }

    /// Whether a request needs new keys of the OpenID issuer.
    package func needsKeys(for request: GraphRequest) -> Bool { issuer.needsKeys(for: request) }

    /// - Parameter freshKeys: Keys of the OpenID issuer, if the request needs new ones.
    package mutating func respond(
        to request: GraphRequest, shape: RequestShape = RequestShape(), freshKeys: [OpenIDIssuer.SigningKey] = []
    ) -> Outcome {
        issuer.offer(freshKeys)
        guard request.path.first != "emulator" else {
            return Outcome(name: "control", script: ResponseScript(control(request), for: shape))
        }
        let endpoint = OpenIDIssuer.endpoint(of: request) ?? FacebookRoute(request)?.endpoint ?? graph.endpoint(of: request)
        statistics.count(endpoint)
        guard let fault = faults.nextFault(for: endpoint, at: now()) else {
            return Outcome(name: endpoint.rawValue, script: ResponseScript(carryOut(request, endpoint), for: shape))
        }
        let response = fault.replacement ?? fault.alter(carryOut(request, endpoint, flaw: fault.flaw))
        let script = fault.script(of: response, for: shape, using: &faults.rng)
        return Outcome(name: endpoint.rawValue, script: script)
    }

    private mutating func carryOut(_ request: GraphRequest, _ endpoint: Endpoint, flaw: IdentityFlaw? = nil) -> GraphResponse {
        do throws(EmulatorError) {
            switch endpoint {
            case .openIDConfiguration: return issuer.configuration
            case .openIDKeys: return try issuer.keySet()
            default:
                guard let route = FacebookRoute(request) else { return graph.respond(to: request, flaw: flaw) }
                return graph.respond(to: request, route, now: wallClock(), flaw: flaw)
            }
        } catch {
            return .control(error)
        }
    }

    /// Signs an access token for a person in an app. Creates the account of a new person.
    mutating func issueJWT(_ request: AccessTokenRequest, app: String, contact: Contact) throws(EmulatorError) -> GraphAPI.Issued {
        let account = try graph.account(of: contact, app: app)
        return GraphAPI.Issued(
            credential: try issuer.issue(request, for: account, now: wallClock()), accountID: account.id)
    }

    /// Logs a person in with Facebook, with a token that expires after `lifetime` seconds, or never if that is 0.
    mutating func logInWithFacebook(
        app: String, contact: Contact, scopes: [String], lifetime: Int
    ) throws(EmulatorError) -> GraphAPI.Issued {
        let grant = FacebookGrant(scopes: scopes, lifetime: lifetime, now: wallClock())
        return try graph.logInWithFacebook(app: app, contact: contact, grant)
    }

    /// Sets or clears the fault of an endpoint, or of all endpoints.
    ///
    /// - Parameters:
    ///   - fault: The fault; `nil` to clear it.
    ///   - endpoint: The endpoint; `nil` for the fault of all endpoints.
    mutating func setFault(_ fault: Fault?, for endpoint: Endpoint?, on schedule: FaultSchedule = FaultSchedule()) {
        faults.set(fault, for: FaultInjector.Scope(endpoint), on: schedule, at: now())
    }

    mutating func clearFaults() {
        faults.clear()
    }

    mutating func resetStatistics() {
        statistics.reset()
    }
}

/// The control paths, `/emulator/…`, by which scripts log people in and set faults. Account Kit had no such paths.
///
///     POST   /emulator/login?phone=%2B15551234567&response=token   → {"access_token":"EMAW…","id":"…"}
///     POST   /emulator/login?email=test@example.com&response=code  → {"code":"AQ…","id":"…"}
///     POST   /emulator/login?email=test@example.com&response=jwt   → {"access_token":"eyJ…","id":"…"}
///     POST   /emulator/login?email=…&response=facebook-token       → {"access_token":"EAA…","id":"…"}
///     POST   /emulator/rotate-keys?old=remove                      → {"kids":["…","…"]}
///     POST   /emulator/revoke?access_token=EMAW…  or  ?account=…   → {"success":true}
///     GET    /emulator/statistics                                  → {"access_token":0,"me":3,…,"total":3,"connections":{…}}
///     DELETE /emulator/statistics                                  → {"success":true}
///     POST   /emulator/fault?name=latency&endpoint=me&times=3      → {"success":true}
///     GET    /emulator/fault                                       → {"faults":[{"name":"latency","endpoint":"me",…}]}
///     DELETE /emulator/fault  or  ?endpoint=me                     → {"success":true}
///
/// Each fault has parameters of its own. An unknown name lists all faults with them. All faults take these, in any combination:
///
///     endpoint=me               affects calls of this endpoint only; default: all calls that no fault of an endpoint affects
///     times=3                   affects three calls, then ends
///     probability=0.25          affects a call with this probability; 25% means the same
///     after_milliseconds=5000   begins five seconds from now
///     for_milliseconds=10000    ends ten seconds after it began
///
/// `GET` lists the faults that are set. `times`, `after_milliseconds` and `for_milliseconds` are the remaining amounts.
extension EmulatorState {
    mutating func control(_ request: GraphRequest) -> GraphResponse {
        do throws(EmulatorError) {
            switch (request.method, request.path.dropFirst().first, request.path.count) {
            case ("POST", "login", 2): return .control(try logIn(request.query))
            case ("POST", "rotate-keys", 2): return .control(try rotateKeys(request.query))
            case ("POST", "revoke", 2): return .control(try revoke(request.query))
            case ("GET", "statistics", 2): return .control(statistics.json)
            case ("DELETE", "statistics", 2): resetStatistics()
            case ("POST", "fault", 2): try setFault(request.query)
            case ("GET", "fault", 2): return .control(["faults": .array(faults.listing(at: now()))])
            case ("DELETE", "fault", 2): try clearFault(request.query)
            case (_, "login", 2), (_, "rotate-keys", 2), (_, "revoke", 2), (_, "statistics", 2), (_, "fault", 2):
                return .control(["error": "this control path has no such method"], status: 405)
            default: return .control(["error": "no such control path"], status: 404)
            }
            return .control(["success": true])
        } catch {
            return .control(error)
        }
    }

    /// Logs a person in. Default of `app`: the first. Default of `response`: `token` with the client access token flow, otherwise
    /// `code`.
    private mutating func logIn(_ query: [String: String]) throws(EmulatorError) -> JSONText {
        let app = query["app"] ?? defaultApp
        let givesToken = try graph.settings(ofApp: app).enablesClientAccessTokenFlow
        let contact: Contact
        switch (query["phone"], query["email"]) {
        case (let phone?, nil): contact = try graph.phone(phone, countryPrefix: query["country_prefix"], app: app)
        case (nil, let email?): contact = try .email(checking: email)
        default: throw EmulatorError(.badArgument, "phone, email: exactly one of them must be given")
        }
        switch query["response"] ?? (givesToken ? "token" : "code") {
        case "token":
            let issued = try graph.logIn(app: app, contact: contact)
            return ["access_token": .string(issued.credential), "id": .string(issued.accountID)]
        case "code":
            let issued = try graph.issueCode(app: app, contact: contact)
            return ["code": .string(issued.credential), "id": .string(issued.accountID)]
        case "jwt":
            let issued = try issueJWT(AccessTokenRequest(query), app: app, contact: contact)
            return ["access_token": .string(issued.credential), "id": .string(issued.accountID)]
        case "facebook-token":
            let issued = try graph.logInWithFacebook(app: app, contact: contact, FacebookGrant(query, now: wallClock()))
            return ["access_token": .string(issued.credential), "id": .string(issued.accountID)]
        default: throw EmulatorError(.badArgument, "response: must be token, code, jwt or facebook-token")
        }
    }

    private mutating func rotateKeys(_ query: [String: String]) throws(EmulatorError) -> JSONText {
        guard let old = OldKeys(rawValue: query["old"] ?? OldKeys.keep.rawValue) else {
            throw EmulatorError(.badArgument, "old: must be keep or remove")
        }
        return ["kids": .array(try issuer.rotateKeys(old).map { .string($0) })]
    }

    private mutating func revoke(_ query: [String: String]) throws(EmulatorError) -> JSONText {
        switch (query["access_token"], query["account"]) {
        case (let token?, nil):
            guard graph.account(ofToken: token) != nil else {
                throw EmulatorError(.notFound, "access_token: there is no such token")
            }
            graph.revoke(token: token)
        case (nil, let account?):
            guard graph.directory.accounts[account] != nil else {
                throw EmulatorError(.notFound, "account: no account has this id")
            }
            graph.revokeTokens(ofAccount: account)
        default: throw EmulatorError(.badArgument, "access_token, account: exactly one of them must be given")
        }
        return ["success": true]
    }

    private mutating func setFault(_ query: [String: String]) throws(EmulatorError) {
        let definition = try FaultDefinition(name: query["name"])
        let own = definition.parameters.map(\.name)
        guard query.keys.allSatisfy({ (["name", "endpoint"] + FaultSchedule.parameters + own).contains($0) }) else {
            let takes = (own + ["endpoint"] + FaultSchedule.parameters).joined(separator: ", ")
            throw EmulatorError(.badArgument, "\(definition.name): takes no other parameters than \(takes)")
        }
        let (fault, schedule) = (try definition.fault(query), try FaultSchedule(query))
        setFault(fault, for: try endpoint(query), on: schedule)
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
