import Testing

/// The one list of phrases that this project does not write, each with the better form, and of old names.
///
/// Each is written with a `~`, which stands for nothing, so that this file does not hold it.
@Suite("Plain words")
struct PhraseTests {
    /// Phrases that an engineer has to read twice.
    static let phrases: [(phrase: String, better: String)] = [
        ("wh~om", "name the caller, the user or the server"), ("who~ever", "\"callers that …\", \"anyone who …\""),
        ("no~body", "\"no caller\", \"no one\", or the passive"), ("some~body", "\"a user\", \"a caller\""), ("a~new", "\"again\""),
        ("of la~te", "\"recently\""), ("belongs in~to", "\"belongs in\", \"is part of\""), ("in quiet ti~mes", "\"when idle\""),
        ("if nothing is sa~id", "\"by default\""), ("again and a~gain", "\"repeatedly\""), ("second tr~y", "\"retry\""),
        ("saved u~p", "\"burst\""), ("for want o~f", "\"without\""), ("bad wea~ther", "\"an outage\""),
        ("is no~ne", "\"there is no …\", \"is not a …\""), ("another tha~n", "\"other than\""), ("put a questi~on", "\"request\""),
        ("in the ai~r", "\"in flight\""), ("goes befo~re", "\"takes precedence\""), ("lets g~o", "\"releases\""),
    ]

    /// Types that were renamed, as whole identifiers in code.
    static let types = [
        "Ask~ers", "Gover~nance", "Roo~ms", "Request~Reader", "Loop~Readers", "Caller~Pass", "Caller~Share", "Caller~Shares",
        "Miss~Budgets",
        "Call~Budget", "Caller~Pattern", "Over~Limit", "Waiting~Places", "Waiting~Calls", "Prepared~Verify", "PlainVerify~Call",
        "Plain~Fields", "Packed~Reply", "Current~TLS", "Limited~Log", "Answer~Tally", "Call~Tally", "Provider~Tally",
        "Reload~Tally",
        "Bench~Tally", "Latency~Tally", "Latency~Counts", "Statistics~Reading", "Recoll~ection", "refusal~ByForm", "Token~Form",
        "Code~Form",
        "Published~Places", "Account~Revocations", "Replaceable~Provider", "told~Nothing", "usual~Time", "Mail~box", "Owner~Thread",
        "Transfer~Ledger", "Me~Answer", "Answer~Class", "Answer~Kind", "first~Addresses", "name~CacheTimeout", "Rari~ties",
        "Sib~lings",
        "one~Departed", "see~ToCalls", "look~AfterServers", "un~send", "DoormanClient~Settings", "could~NotAsk", "Fast~Randomness",
        "Settings~InForce", "Reloadable~Piece", "HangUp~Signal", "Bad~Settings", "Bad~Value", "Bad~TLS", "CouldNotAsk~Reason",
        "Emul~ation",
        "Delivery~Run", "Request~Form", "Fault~Terms", "TLS~Details", "stand~In", "give~Stale", "take~Off", "isIn~TheAir",
        "used~Last",
        "settle~Use", "Failure~Answer",
    ]

    /// Settings and statistics that were renamed.
    static let settings = [
        "saved-~calls", "saved-~misses", "saved-~retries", "retry-~percentage", "breaker-~failures", "breaker-~open-time",
        "breaker-~probes", "default-~back-off", "max-~flights", "max-~stale", "stale-~retry", "rejected-~ttl",
        "max-~rejected-entries",
        "write-~buffer", "server.~policy-file", "caller.~max-callers", "tls.~key-file", "client-~certificates", "DOORMAN_~ADDR",
    ]

    @Test("no file has a phrase that has to be read twice", arguments: phrases)
    func noPhrase(phrase: String, better: String) throws {
        let words = Self.whole(phrase).replacing(" ", with: #"\s+"#)
        try expectNone(#"(?i)\b\#(words)\b"#, "write \(better)") { _ in true }
    }

    @Test("no identifier has its old name", arguments: types)
    func noOldType(name: String) throws {
        try expectNone(#"\b\#(Self.whole(name))\b"#, "an old name") { $0.isSwift || $0.path.hasSuffix(".md") }
    }

    @Test("no setting has its old name", arguments: settings)
    func noOldSetting(name: String) throws {
        try expectNone(#"(?<![\w-])\#(Self.whole(name).replacing(".", with: #"\."#))(?![\w-])"#, "an old name") { _ in true }
    }

    @Test("a phrase is found in any case and as whole words only")
    func matching() throws {
        let file = SourceTree.File(path: "a", text: "Second  Try\nsecond tryout\nasecond try")
        #expect(try file.matches(#"(?i)\b\#(Self.whole("second tr~y").replacing(" ", with: #"\s+"#))\b"#).map(\.line) == [1])
    }

    private static func whole(_ phrase: String) -> String { phrase.replacing("~", with: "") }

    private func expectNone(_ pattern: String, _ better: String, in isRead: (SourceTree.File) -> Bool) throws {
        for file in SourceTree.files where !file.isGenerated && isRead(file) {
            for (line, text) in try file.matches(pattern) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(text): \(better)"))")
            }
        }
    }
}
