import Testing

@Suite("Sizes of files and functions")
struct SizeTests {
    static let longestFile = 600
    static let longestFunction = 60

    @Test("a file has at most 600 lines")
    func files() {
        for file in SourceTree.files where isWritten(file) && file.lines.count > Self.longestFile + 1 {
            Issue.record("\(SourceTree.Finding(file, line: Self.longestFile, "the file has \(file.lines.count - 1) lines"))")
        }
    }

    @Test("a function outside of state machines has at most 60 lines")
    func functions() throws {
        for file in SourceTree.swift where !file.path.hasSuffix("StateMachine.swift") {
            for (line, length) in try file.functions() where length > Self.longestFunction {
                Issue.record("\(SourceTree.Finding(file, line: line, "the function has \(length) lines"))")
            }
        }
    }

    @Test("a function is measured from its first line to its last")
    func measuring() throws {
        let file = SourceTree.File(
            path: "Sample.swift",
            text: """
                protocol Shape {
                    func area() -> Int
                    init(side: Int)
                }
                struct Square: Shape {
                    func area() -> Int { 1 }
                    private mutating func grow(
                        by factor: Int
                    ) {
                        if factor > 1 {
                            side *= factor
                        }
                    }
                    init(side: Int) {
                        self.side = side
                    }
                }
                """)
        let found = try file.functions()
        #expect(found.map(\.line) == [7, 14])
        #expect(found.map(\.length) == [7, 3])
    }

    private func isWritten(_ file: SourceTree.File) -> Bool {
        guard !file.isGenerated else { return false }
        return file.isScript || [".swift", ".c", ".h"].contains { file.path.hasSuffix($0) }
    }
}

extension SourceTree.File {
    /// Returns the functions and initializers of more than one line. Relies on the formatter: a body ends at the first `}` with the
    /// indentation of its declaration.
    func functions() throws -> [(line: Int, length: Int)] {
        let declaration = #"^\s*(?:@\w+(?:\([^)]*\))? )*(?:\w+(?:\(\w+\))? )*(?:func \S|init[?(<]|deinit \{)"#
        return try matches(declaration).compactMap { start, _ in
            let first = lines[start - 1]
            let indentation = String(first.prefix { $0 == " " })
            var opened = first.hasSuffix("{")
            for index in start..<lines.count {
                let line = lines[index]
                if opened {
                    if line.hasPrefix(indentation + "}") { return (start, index - start + 2) }
                } else if line.hasPrefix(indentation + " ") {
                    // The line is a parameter or a clause.
                    continue
                } else if line.hasPrefix(indentation + ")") || line.hasPrefix(indentation + "{")
                    || line.hasPrefix(indentation + ">")
                {
                    opened = line.hasSuffix("{")
                } else {
                    // The function is a requirement of a protocol, or its body is on the same line.
                    return nil
                }
            }
            return nil
        }
    }
}
