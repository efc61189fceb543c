internal import DoormanClient
internal import DoormanSupport

/// The result of a command, as text for people and as JSON for programs.
struct Report: Sendable, Equatable {
    /// Aligned `key: value` lines, each with a newline.
    let text: String
    /// One line of JSON, without a newline.
    let json: String
    let status: ExitStatus
    /// The lines for standard error, each with a newline.
    let warnings: [String]
    /// The word of the text that gets a colour.
    private let outcome: Outcome?

    struct Outcome: Sendable, Equatable {
        let word: String
        let meaning: Palette.Meaning
    }

    /// The report of a revocation that succeeded, with its position in a fleet, and a warning for each server that could not be reached.
    static func revoked(_ result: RevocationResult) -> Report {
        let position = result.position.map { aligned([("position", $0.description)]) } ?? ""
        return Report(
            text: "revoked\n" + position, json: RevocationJSON(result, outcome: "revoked"), status: .success,
            warnings: result.unreachable.map { FailureReport.warning($0, about: "revoked tokens") },
            outcome: Outcome(word: "revoked", meaning: .good))
    }

    /// The report of a revocation that was not made, because of `--dry-run`.
    static func wouldRevoke(_ subject: String, at choice: ServerChoice) -> Report {
        Report(
            text: "would revoke \(subject.printable) at \(choice.servers)\n", json: OutcomeJSON(outcome: "would_be_revoked"),
            status: .success)
    }

    /// - Parameters:
    ///   - text: The text for people.
    ///   - json: The value for programs.
    ///   - status: The exit status of the program.
    ///   - warnings: The lines for standard error.
    ///   - outcome: A word at the end of a line of the text that gets a colour. `nil` for none.
    init(text: String, json: some Encodable, status: ExitStatus, warnings: [String] = [], outcome: Outcome? = nil) {
        self.text = text
        self.json = JSONOutput.encode(json)
        self.status = status
        self.warnings = warnings
        self.outcome = outcome
    }

    /// Returns the text with its outcome in colour, if the palette has colours.
    func text(on palette: Palette) -> String {
        guard let outcome else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line == outcome.word || line.hasSuffix(" " + outcome.word) else { return String(line) }
            return String(line.dropLast(outcome.word.count)) + palette.paint(outcome.word, outcome.meaning)
        }.joined(separator: "\n")
    }

    /// - Parameters:
    ///   - identity: The verified identity.
    ///   - took: The time from connecting to the response.
    init(_ identity: Identity, took: Duration) {
        self.init(
            text: Self.aligned(identity.lines + [("took", DurationText.milliseconds(took) + " ms")]),
            json: IdentityJSON(identity, outcome: "valid", tookMs: Double(took.microsecondsRoundedDown) / 1000),
            status: .success, outcome: Outcome(word: identity.freshness.name, meaning: identity.freshness.meaning))
    }

    init(_ exchange: Exchange) {
        let token = String(decoding: exchange.token.bytes, as: UTF8.self)
        let rest = exchange.identity?.lines ?? [("account", "not known yet: verify the token with 'doorman verify'")]
        self.init(
            text: Self.aligned([("token", token)] + rest),
            json: ExchangeJSON(token: token, identity: exchange.identity.map { IdentityJSON($0) }), status: .success)
    }

    init(_ health: HealthStatus) {
        let (text, status): (String, ExitStatus) =
            switch health {
            case .serving: ("serving", .success)
            case .notServing: ("not serving", .unavailable)
            case .serviceUnknown: ("service unknown", .unavailable)
            case .unknown: ("unknown", .unavailable)
            }
        self.init(
            text: text + "\n", json: OutcomeJSON(outcome: JSONOutput.memberName(text)), status: status,
            outcome: Outcome(word: text, meaning: status == .success ? .good : .bad))
    }

    static func aligned(_ lines: [(key: String, value: String)]) -> String {
        let width = lines.map(\.key.count).max() ?? 0
        return lines.map { line in
            let gap = String(repeating: " ", count: width - line.key.count + 2)
            return "\(line.key):\(gap)\(line.value.printable)\n"
        }.joined()
    }
}

extension Identity {
    fileprivate var lines: [(key: String, value: String)] {
        var lines = [("account", accountID)]
        if !applicationID.isEmpty { lines.append(("application", applicationID)) }
        if let phone { lines.append(("phone", phone.number)) }
        if let email { lines.append(("e-mail", email)) }
        lines.append(("provider", provider))
        if let issuer { lines.append(("issuer", issuer)) }
        if !scopes.isEmpty { lines.append(("scopes", scopes.joined(separator: " "))) }
        if let expiresAt { lines.append(("expires", expiresAt.iso8601 ?? "unknown")) }
        for (name, value) in claims.sorted(by: { $0.key < $1.key }) { lines.append(("claim " + name, value)) }
        lines.append(("verified", verifiedAt.iso8601 ?? "unknown"))
        lines.append(("valid until", validUntil.iso8601 ?? "without end"))
        lines.append(("freshness", freshness.name))
        return lines
    }
}

/// The JSON output of `doorman verify`, and the identity in the output of `doorman exchange`.
private struct IdentityJSON: Encodable {
    struct Phone: Encodable {
        let number: String
        let countryPrefix: String
        let nationalNumber: String
    }

    /// Absent if the identity is a part of another result.
    let outcome: String?
    let accountID: String
    let applicationID: String
    @Nullable var phone: Phone?
    @Nullable var email: String?
    let emailVerified: Bool
    let phoneVerified: Bool
    let provider: String
    @Nullable var issuer: String?
    let scopes: [String]
    @Nullable var expiresAt: String?
    /// The JSON text of each claim.
    let claims: [String: String]
    @Nullable var verifiedAt: String?
    @Nullable var validUntil: String?
    let freshness: String
    let tookMs: Double?

    init(_ identity: Identity, outcome: String? = nil, tookMs: Double? = nil) {
        self.outcome = outcome
        self.tookMs = tookMs
        accountID = identity.accountID
        applicationID = identity.applicationID
        phone = identity.phone.map {
            Phone(number: $0.number, countryPrefix: $0.countryPrefix, nationalNumber: $0.nationalNumber)
        }
        email = identity.email
        emailVerified = identity.isEmailVerified
        phoneVerified = identity.isPhoneVerified
        provider = identity.provider
        issuer = identity.issuer
        scopes = identity.scopes
        expiresAt = identity.expiresAt.flatMap(\.iso8601)
        claims = identity.claims
        verifiedAt = identity.verifiedAt.iso8601
        validUntil = identity.validUntil.iso8601
        freshness = identity.freshness.name
    }
}

private struct ExchangeJSON: Encodable {
    let outcome = "exchanged"
    let token: String
    @Nullable var identity: IdentityJSON?
}

extension Freshness {
    fileprivate var name: String {
        switch self {
        case .fresh: "fresh"
        case .cached: "cached"
        case .stale: "stale"
        }
    }

    fileprivate var meaning: Palette.Meaning {
        switch self {
        case .fresh, .cached: .good
        case .stale: .warning
        }
    }
}

extension String {
    /// The text with replacements for control characters. Another machine wrote it, and a terminal could act on them.
    var printable: String {
        var text = ""
        for scalar in unicodeScalars { text.unicodeScalars.append(scalar.isControl ? "\u{fffd}" : scalar) }
        return text
    }
}
