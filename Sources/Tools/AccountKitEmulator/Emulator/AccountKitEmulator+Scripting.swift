internal import NIOConcurrencyHelpers

/// What a test does in place of a person with a phone, and of fate.
extension AccountKitEmulator {
    /// Logs a person in by phone.
    ///
    /// - Parameters:
    ///   - app: An app's id; nil for the first.
    ///   - countryPrefix: See ``PhoneNumber``.
    /// - Returns: A user access token. The same person in the same app has the same account each time.
    package func logIn(app: String? = nil, phone: String, countryPrefix: String? = nil) throws(EmulatorError) -> String {
        try change { emulation throws(EmulatorError) in
            let app = app ?? emulation.defaultApp
            let contact = try emulation.contract.phone(phone, countryPrefix: countryPrefix, app: app)
            return try emulation.contract.logIn(app: app, contact: contact).credential
        }
    }

    /// Logs a person in by e-mail.
    package func logIn(app: String? = nil, email: String) throws(EmulatorError) -> String {
        try change { emulation throws(EmulatorError) in
            try emulation.contract.logIn(app: app ?? emulation.defaultApp, contact: .email(checking: email)).credential
        }
    }

    /// Logs a person in by phone, with a code for the back end to exchange.
    package func issueCode(app: String? = nil, phone: String, countryPrefix: String? = nil) throws(EmulatorError) -> String {
        try change { emulation throws(EmulatorError) in
            let app = app ?? emulation.defaultApp
            let contact = try emulation.contract.phone(phone, countryPrefix: countryPrefix, app: app)
            return try emulation.contract.issueCode(app: app, contact: contact).credential
        }
    }

    /// Logs a person in by e-mail, with a code for the back end to exchange.
    package func issueCode(app: String? = nil, email: String) throws(EmulatorError) -> String {
        try change { emulation throws(EmulatorError) in
            try emulation.contract.issueCode(app: app ?? emulation.defaultApp, contact: .email(checking: email)).credential
        }
    }

    /// The account that a token was made for, revoked or not; nil if there is no such token.
    package func account(ofToken token: String) -> String? {
        emulation.withLockedValue { $0.contract.account(ofToken: token) }
    }

    package func revoke(_ token: String) {
        emulation.withLockedValue { $0.contract.revoke(token: token) }
    }

    /// Revokes every token of the account with this id.
    package func revokeAll(account id: String) {
        emulation.withLockedValue { $0.contract.revokeTokens(ofAccount: id) }
    }

    /// Gives an app another secret, as its owner does on Facebook's page: from now on calls under the old one are refused.
    ///
    /// - Parameter app: An app's id; nil for the first.
    package func changeSecret(ofApp app: String? = nil, to secret: String) throws(EmulatorError) {
        _ = try change { emulation throws(EmulatorError) in
            let app = app ?? emulation.defaultApp
            try emulation.contract.changeSecret(ofApp: app, to: secret)
            return app
        }
    }

    package var statistics: Statistics {
        emulation.withLockedValue { $0.statistics }
    }

    package func resetStatistics() {
        emulation.withLockedValue { $0.resetStatistics() }
    }

    /// Makes calls go wrong. What spares a call by count, chance or time leaves it to the fault of all endpoints, if there is one.
    ///
    /// - Parameters:
    ///   - fault: Nil to go right again.
    ///   - endpoint: Nil for all whose own fault, if they have one, spares the call.
    ///   - calls: How many calls go wrong before all is right again; nil for all.
    ///   - probability: How many of the calls go wrong, as a part of 1. See ``EmulatorSettings/faultSeed``.
    ///   - delay: How long from now nothing goes wrong yet.
    ///   - period: How long from then on calls go wrong; nil for ever.
    package func setFault(
        _ fault: Fault?, for endpoint: Endpoint? = nil, calls: Int? = nil, probability: Double = 1, after delay: Duration = .zero,
        lasting period: Duration? = nil
    ) {
        let terms = FaultTerms(calls: calls, probability: probability, delay: delay, period: period)
        emulation.withLockedValue { $0.setFault(fault, for: endpoint, on: terms) }
    }

    /// Makes everything go right again, for every endpoint.
    package func clearFaults() {
        emulation.withLockedValue { $0.clearFaults() }
    }

    private func change(_ body: (inout Emulation) throws(EmulatorError) -> String) throws(EmulatorError) -> String {
        let result = emulation.withLockedValue { emulation in
            Result { () throws(EmulatorError) in try body(&emulation) }
        }
        return try result.get()
    }
}
