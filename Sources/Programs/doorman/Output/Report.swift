internal import DoormanClient

/// An answer, ready to be printed for people or for programs.
struct Report: Sendable, Equatable {
    /// Aligned `key: value` lines, each ended.
    let text: String
    let json: JSON
    let status: ExitStatus
    /// The word that says most, and what it says.
    private let outcome: Outcome?

    struct Outcome: Sendable, Equatable {
        let word: String
        let meaning: Palette.Meaning
    }

    static var revoked: Report {
        Report(
            text: "revoked\n", json: .object([.init("outcome", .string("revoked"))]), status: .success,
            outcome: Outcome(word: "revoked", meaning: .good))
    }

    /// - Parameter outcome: A word at the end of a line of the text that is coloured where colours are; nil for none.
    init(text: String, json: JSON, status: ExitStatus, outcome: Outcome? = nil) {
        self.text = text
        self.json = json
        self.status = status
        self.outcome = outcome
    }

    /// The text with its outcome in colour, where that is possible.
    func text(on palette: Palette) -> String {
        guard let outcome else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line == outcome.word || line.hasSuffix(" " + outcome.word) else { return String(line) }
            return String(line.dropLast(outcome.word.count)) + palette.paint(outcome.word, outcome.meaning)
        }.joined(separator: "\n")
    }

    /// - Parameter took: How long it took to connect and to be answered.
    init(_ identity: Identity, took: Duration) {
        let milliseconds = DurationText.milliseconds(took)
        self.init(
            text: Self.aligned(identity.lines + [("took", milliseconds + " ms")]),
            json: .object(
                [.init("outcome", .string("valid"))] + identity.members + [.init("took_ms", .number(milliseconds))]),
            status: .success, outcome: Outcome(word: identity.freshness.name, meaning: identity.freshness.meaning))
    }

    init(_ exchange: Exchange) {
        let token = String(decoding: exchange.token.bytes, as: UTF8.self)
        let rest = exchange.identity?.lines ?? [("account", "unknown as yet: doorman verify says it")]
        self.init(
            text: Self.aligned([("token", token)] + rest),
            json: .object([
                .init("outcome", .string("exchanged")), .init("token", .string(token)),
                .init("identity", exchange.identity.map { .object($0.members) } ?? .null),
            ]), status: .success)
    }

    init(_ health: HealthStatus) {
        let (text, status): (String, ExitStatus) =
            switch health {
            case .serving: ("serving", .success)
            case .notServing: ("not serving", .couldNotAsk)
            case .serviceUnknown: ("service unknown", .couldNotAsk)
            case .unknown: ("unknown", .couldNotAsk)
            }
        let outcome = String(text.map { $0 == " " ? "_" : $0 })
        self.init(
            text: text + "\n", json: .object([.init("outcome", .string(outcome))]), status: status,
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
        lines.append(("verified", verifiedAt.iso8601 ?? "unknown"))
        lines.append(("valid until", validUntil.iso8601 ?? "without end"))
        lines.append(("freshness", freshness.name))
        return lines
    }

    fileprivate var members: [JSON.Member] {
        let phone: JSON =
            phone.map {
                .object([
                    .init("number", .string($0.number)), .init("country_prefix", .string($0.countryPrefix)),
                    .init("national_number", .string($0.nationalNumber)),
                ])
            } ?? .null
        return [
            .init("account_id", .string(accountID)), .init("application_id", .string(applicationID)), .init("phone", phone),
            .init("email", .optional(email)), .init("provider", .string(provider)),
            .init("verified_at", .optional(verifiedAt.iso8601)), .init("valid_until", .optional(validUntil.iso8601)),
            .init("freshness", .string(freshness.name)),
        ]
    }
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
        case .stale: .doubtful
        }
    }
}

extension String {
    /// With a replacement for whatever a terminal might act on: the text is another machine's.
    var printable: String {
        var text = ""
        for scalar in unicodeScalars { text.unicodeScalars.append(scalar.isControl ? "\u{fffd}" : scalar) }
        return text
    }
}
