import Testing

@Suite("The threat model")
struct ThreatModelTests {
    @Test("every test that it names is there")
    func namesTests() throws {
        let path = "docs/explanation/threat-model.md"
        let model = try #require(SourceTree.files.first { $0.path == path }, "\(path) is missing")
        let named = try Self.testsNamed(in: model.lines)
        #expect(named.count > 40)
        for (line, test) in named where try !Self.isThere(test) {
            Issue.record(
                "\(SourceTree.Finding(model, line: line, "there is no test \(test.module).\(test.suite)/\(test.function)"))")
        }
    }

    @Test("tests are found in the text, and a name that is none is not")
    func parsing() throws {
        let named = try Self.testsNamed(in: ["| one | `A.BTests/c`, `AccountKitTests.VerifyTests/valid` |", "server.max/b, D.E/f"])
        #expect(named.map(\.test.function) == ["c", "valid"])
        #expect(try Self.isThere(named[1].test))
        #expect(try !Self.isThere(named[0].test))
        #expect(try !Self.isThere(Name(module: "AccountKitTests", suite: "VerifyTests", function: "vali")))
    }

    /// A test as `swift test --filter` takes it.
    struct Name: Hashable {
        let module: String
        let suite: String
        let function: String
    }

    private static func testsNamed(in lines: [String]) throws -> [(line: Int, test: Name)] {
        lines.enumerated().flatMap { index, line in
            line.matches(of: /`(\w+)\.(\w+)\/(\w+)`/).map {
                (index + 1, Name(module: String($0.1), suite: String($0.2), function: String($0.3)))
            }
        }
    }

    private static func isThere(_ test: Name) throws -> Bool {
        try SourceTree.swift.contains { file in
            guard file.path.contains("Tests/\(test.module)/") else { return false }
            guard let suite = try file.matches(#"^struct \#(test.suite)\b"#).first else { return false }
            return try file.matches(#"^    func \#(test.function)\("#).contains { $0.line > suite.line }
        }
    }
}
