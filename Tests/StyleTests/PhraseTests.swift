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
        "settle~Use", "Failure~Answer", "St~amp",
    ]

    /// Settings and statistics that were renamed.
    static let settings = [
        "saved-~calls", "saved-~misses", "saved-~retries", "retry-~percentage", "breaker-~failures", "breaker-~open-time",
        "breaker-~probes", "default-~back-off", "max-~flights", "max-~stale", "stale-~retry", "rejected-~ttl",
        "max-~rejected-entries",
        "write-~buffer", "server.~policy-file", "caller.~max-callers", "tls.~key-file", "client-~certificates", "DOORMAN_~ADDR",
    ]

    @Test("no file has a phrase that has to be read twice")
    func noPhrase() throws {
        let better = Dictionary(uniqueKeysWithValues: Self.phrases.map { (Self.whole($0.phrase), $0.better) })
        for finding in try Self.findings(of: better.keys.map(Self.anyCapitalization), { _ in true }) {
            let words = finding.text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
            Issue.record("\(SourceTree.Finding(finding.file, line: finding.line, "\(words): write \(better[words] ?? "")"))")
        }
    }

    @Test("no identifier has its old name")
    func noOldType() throws {
        for finding in try Self.findings(of: Self.types.map(Self.whole), { $0.isSwift || $0.path.hasSuffix(".md") }) {
            Issue.record("\(SourceTree.Finding(finding.file, line: finding.line, "\(finding.text) is an old name"))")
        }
    }

    @Test("no setting has its old name")
    func noOldSetting() throws {
        for finding in try Self.findings(of: Self.settings.map(Self.whole), { _ in true }) {
            Issue.record("\(SourceTree.Finding(finding.file, line: finding.line, "\(finding.text) is an old name"))")
        }
    }

    @Test("a phrase is found in any case and as whole words only")
    func matching() throws {
        let file = SourceTree.File(
            path: "a", text: Self.whole("Secon~d  try, max-sta~le\nsecon~d tryout\nasecon~d try\na.max-sta~leness"))
        #expect(try file.matches(Self.pattern([Self.anyCapitalization(Self.whole("secon~d try"))])).map(\.line) == [1])
        #expect(try file.matches(Self.pattern([Self.whole("max-sta~le")])).map(\.line) == [1])
    }

    private static func whole(_ phrase: String) -> String { phrase.replacing("~", with: "") }

    /// A pattern for a phrase at the start of a sentence or within it. A Python keyword with a capital letter is not meant.
    private static func anyCapitalization(_ phrase: String) -> String { "(?i:\(phrase.prefix(1)))\(phrase.dropFirst())" }

    /// Matches phrases as whole words, wherever a line has any white space between them.
    private static func pattern(_ phrases: [String]) -> String {
        let escaped = phrases.map { $0.replacing(".", with: #"\."#).replacing(" ", with: #"\s+"#) }
        return #"(?<![\w-])(?:\#(escaped.joined(separator: "|")))(?![\w-])"#
    }

    private static func findings(
        of phrases: [String], _ isRead: (SourceTree.File) -> Bool
    ) throws -> [(file: SourceTree.File, line: Int, text: String)] {
        // The licence is not ours to word.
        try SourceTree.files.filter { !$0.isGenerated && $0.path != "LICENSE" && isRead($0) }.flatMap { file in
            try file.matches(pattern(phrases)).map { (file, $0.line, $0.text) }
        }
    }
}
