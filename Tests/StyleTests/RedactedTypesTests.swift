import Testing

@Suite("Redacted types")
struct RedactedTypesTests {
    private static let sources = SourceTree.swift.filter { $0.module != nil }

    @Test("every type that conforms to Redacted is in RedactedTests")
    func listed() throws {
        let test = try #require(SourceTree.files.first { $0.path == "Tests/IntegrationTests/RedactedTests.swift" })
        let list = test.lines.drop { !$0.contains("static let types = [") }.dropFirst().prefix { !$0.hasSuffix("    ]") }
        let listed = list.joined().matches(of: /"([\w.]+)"/).map { String($0.1) }
        let conforming = try Self.sources.flatMap { file in
            try file.matches(#"^\s*(?:extension|(?:\w+ )*(?:struct|class|enum)) [\w.]+: (?:\w+, )*Redacted\b"#).map { match in
                let head = match.text.prefix { $0 != ":" }
                return head.split(separator: " ").last.map(String.init) ?? ""
            }
        }
        #expect(conforming.sorted() == listed)
        #expect(!listed.isEmpty)
    }

    @Test("a type hides its properties only by conforming to Redacted")
    func spelledOnce() throws {
        for file in Self.sources where file.name != "Redacted.swift" {
            for (line, _) in try file.matches(#"Mirror\(self, children: \[:\]"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, "conform to Redacted instead"))")
            }
        }
    }
}
