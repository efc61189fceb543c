internal import NIOConcurrencyHelpers

/// The library's counterpart of the control paths: log-ins, revocations, statistics and faults.
extension AccountKitEmulator {
    /// Logs a person in by phone.
    ///
    /// - Parameters:
    ///   - app: The app's id; `nil` for the first app.
    ///   - countryPrefix: See ``Contact/PhoneNumber``.
    /// - Returns: A user access token. A person has one account in each app.
    package func logIn(app: String? = nil, phone: String, countryPrefix: String? = nil) throws(EmulatorError) -> String {
        try change { state throws(EmulatorError) in
            let app = app ?? state.defaultApp
            let contact = try state.graph.phone(phone, countryPrefix: countryPrefix, app: app)
            return try state.graph.logIn(app: app, contact: contact).credential
        }
    }

    /// Logs a person in by e-mail.
    package func logIn(app: String? = nil, email: String) throws(EmulatorError) -> String {
        try change { state throws(EmulatorError) in
            try state.graph.logIn(app: app ?? state.defaultApp, contact: .email(checking: email)).credential
        }
    }

    /// Logs a person in by phone, with a code for the back end to exchange.
    package func issueCode(app: String? = nil, phone: String, countryPrefix: String? = nil) throws(EmulatorError) -> String {
        try change { state throws(EmulatorError) in
            let app = app ?? state.defaultApp
            let contact = try state.graph.phone(phone, countryPrefix: countryPrefix, app: app)
            return try state.graph.issueCode(app: app, contact: contact).credential
        }
    }

    /// Logs a person in by e-mail, with a code for the back end to exchange.
    package func issueCode(app: String? = nil, email: String) throws(EmulatorError) -> String {
        try change { state throws(EmulatorError) in
            try state.graph.issueCode(app: app ?? state.defaultApp, contact: .email(checking: email)).credential
        }
    }

    /// Logs a person in by e-mail, with an access token that the OpenID issuer signs.
    ///
    /// - Parameter app: The app's id, which is the claim `client_id`; `nil` for the first app.
    package func issueJWT(
        _ request: AccessTokenRequest = AccessTokenRequest(), app: String? = nil, email: String
    ) throws(EmulatorError) -> String {
        let keys = state.withLockedValue(\.issuer.lacksKeys) ? try OpenIDIssuer.newKeys() : []
        return try change { state throws(EmulatorError) in
            state.issuer.offer(keys)
            return try state.issueJWT(request, app: app ?? state.defaultApp, contact: .email(checking: email)).credential
        }
    }

    /// Logs a person in with Facebook by e-mail.
    ///
    /// - Parameters:
    ///   - app: The app's id; `nil` for the first app.
    ///   - lifetime: Time until the token expires in seconds; 0 for no end.
    package func logInWithFacebook(
        app: String? = nil, email: String, scopes: [String] = FacebookGrant.standardScopes,
        lifetime: Int = FacebookGrant.standardLifetime
    ) throws(EmulatorError) -> String {
        try change { state throws(EmulatorError) in
            try state.logInWithFacebook(
                app: app ?? state.defaultApp, contact: .email(checking: email), scopes: scopes, lifetime: lifetime
            ).credential
        }
    }

    /// Replaces the keys by which the OpenID issuer signs.
    package func rotateKeys(_ old: OldKeys) throws(EmulatorError) {
        let keys = try OpenIDIssuer.newKeys()
        _ = try change { state throws(EmulatorError) in
            state.issuer.offer(keys)
            return try state.issuer.rotateKeys(old)[0]
        }
    }

    /// Returns the id of the account that a token was issued for, revoked or not; `nil` if the token is unknown.
    package func account(ofToken token: String) -> String? {
        state.withLockedValue { $0.graph.account(ofToken: token) }
    }

    package func revoke(_ token: String) {
        state.withLockedValue { $0.graph.revoke(token: token) }
    }

    /// Replaces the secret of an app, as its owner does on Facebook's page. Calls with the old secret fail from now on.
    ///
    /// - Parameter app: The app's id; `nil` for the first app.
    package func changeSecret(ofApp app: String? = nil, to secret: String) throws(EmulatorError) {
        _ = try change { state throws(EmulatorError) in
            let app = app ?? state.defaultApp
            try state.graph.changeSecret(ofApp: app, to: secret)
            return app
        }
    }

    package var statistics: EmulatorStatistics {
        state.withLockedValue { $0.statistics }
    }

    package func resetStatistics() {
        state.withLockedValue { $0.resetStatistics() }
    }

    /// Sets or clears a fault. A call that the fault of its endpoint does not affect can get the fault of all endpoints.
    ///
    /// - Parameters:
    ///   - fault: The fault; `nil` to clear it.
    ///   - endpoint: The endpoint; `nil` for the fault of all endpoints.
    ///   - calls: The number of calls to affect; `nil` for no limit.
    ///   - probability: The probability that a call is affected, from 0 to 1. See ``EmulatorSettings/faultSeed``.
    ///   - delay: Time until the fault begins.
    ///   - period: Time from the end of the delay until the fault ends; `nil` for no end.
    package func setFault(
        _ fault: Fault?, for endpoint: Endpoint? = nil, calls: Int? = nil, probability: Double = 1, after delay: Duration = .zero,
        lasting period: Duration? = nil
    ) {
        let schedule = FaultSchedule(calls: calls, probability: probability, delay: delay, period: period)
        state.withLockedValue { $0.setFault(fault, for: endpoint, on: schedule) }
    }

    /// Clears the faults of every endpoint.
    package func clearFaults() {
        state.withLockedValue { $0.clearFaults() }
    }

    private func change(_ body: (inout EmulatorState) throws(EmulatorError) -> String) throws(EmulatorError) -> String {
        let result = state.withLockedValue { state in
            Result { () throws(EmulatorError) in try body(&state) }
        }
        return try result.get()
    }
}
