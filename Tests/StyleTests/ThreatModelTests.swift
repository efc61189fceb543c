import Testing

@Suite("Threat model")
struct ThreatModelTests {
    @Test("every test that the threat model cites exists")
    func namesTests() throws {
        let path = "docs/explanation/threat-model.md"
        let model = try #require(SourceTree.files.first { $0.path == path }, "\(path) is missing")
        let cited = try Self.citedTests(in: model.lines)
        #expect(cited.count > 40)
        for (line, test) in cited where try !Self.exists(test) {
            Issue.record(
                "\(SourceTree.Finding(model, line: line, "there is no test \(test.module).\(test.suite)/\(test.function)"))")
        }
    }

    @Test("only names of tests are citations")
    func parsing() throws {
        let cited = try Self.citedTests(in: ["| one | `A.BTests/c`, `AccountKitTests.VerifyTests/valid` |", "server.max/b, D.E/f"])
        #expect(cited.map(\.test.function) == ["c", "valid"])
        #expect(try Self.exists(cited[1].test))
        #expect(try !Self.exists(cited[0].test))
        #expect(try !Self.exists(Name(module: "AccountKitTests", suite: "VerifyTests", function: "vali")))
    }

    /// The name of a test, as `swift test --filter` accepts it.
    struct Name: Hashable {
        let module: String
        let suite: String
        let function: String
    }

    private static func citedTests(in lines: [String]) throws -> [(line: Int, test: Name)] {
        lines.enumerated().flatMap { index, line in
            line.matches(of: /`(\w+)\.(\w+)\/(\w+)`/).map {
                (index + 1, Name(module: String($0.1), suite: String($0.2), function: String($0.3)))
            }
        }
    }

    private static func exists(_ test: Name) throws -> Bool {
        try SourceTree.swift.contains { file in
            guard file.path.contains("Tests/\(test.module)/") else { return false }
            guard let suite = try file.matches(#"^struct \#(test.suite)\b"#).first else { return false }
            return try file.matches(#"^    func \#(test.function)\("#).contains { $0.line > suite.line }
        }
    }
}
