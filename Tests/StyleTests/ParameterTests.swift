import Testing

@Suite("Parameters of functions")
struct ParameterTests {
    static let maximum = 6

    /// The functions whose parameters a protocol of another package defines.
    private static let required: Set = ["TestTracer.startSpan"]

    private static let long = SourceTree.swift.flatMap { file in
        file.parameterLists().filter { $0.labels.count > maximum && !required.contains($0.name) }.map { (file: file, function: $0) }
    }

    @Test("a function or initializer has at most six parameters")
    func parameters() {
        for (file, function) in Self.long {
            let text = "\(function.name) has \(function.labels.count) parameters"
            Issue.record("\(SourceTree.Finding(file, line: function.line, text))")
        }
    }

    @Test("parameters of every form are counted")
    func counting() {
        let file = SourceTree.File(
            path: "Sample.swift",
            text: #"""
                struct Sample {
                    let one: Int
                    var two: [Int: Int]
                    init(one: Int, two: [Int: Int] = [1: 2, 3: 4]) {
                        self.init(one: one, two: two, three: 3)
                    }
                    init?<Value>(_ value: Value) {}
                }
                extension Sample.Inner {
                    func none() {}
                    static func generic<A, B>(_ map: Dictionary<A, B>, then: (A, B) -> Void) -> (A, B) {}
                    func text(a: String = "a, \(b("c, d"), 1)", /* b, c, */ d: Int) // e, f
                    func `default`(
                        a: Int,
                        b: Int,
                    ) {}
                    static func < (left: Self, right: Self) -> Bool { true }
                }
                """#)
        let found = file.parameterLists()
        #expect(
            found.map(\.name) == [
                "Sample.init", "Sample.init", "Inner.none", "Inner.generic", "Inner.text", "Inner.default", "Inner.<",
            ])
        #expect(found.map(\.labels.count) == [2, 1, 0, 2, 2, 2, 2])
        #expect(found.map(\.line) == [4, 7, 10, 11, 12, 13, 17])
        #expect(found[0].labels == ["one", "two"])
        #expect(found[1].labels == ["_"])
    }
}

/// The parameters of a function or an initializer.
struct ParameterList {
    let line: Int
    /// The names of the type and the function: `Sample.init`.
    let name: String
    let labels: [String]
}

extension SourceTree.File {
    func parameterLists() -> [ParameterList] {
        let code = SwiftCode(lines)
        return code.positions(of: ["func", "init"]).compactMap { word in
            let isInitializer = code.text(word) == "init"
            // Skips calls of an initializer.
            if isInitializer, word.lowerBound > 0, code.bytes[word.lowerBound - 1] == UInt8(ascii: ".") { return nil }
            guard let (name, open) = code.nameAndParenthesis(after: word.upperBound, isInitializer: isInitializer) else {
                return nil
            }
            let line = code.line(at: word.lowerBound)
            let type = typeName(around: line).map { $0 + "." } ?? ""
            return ParameterList(line: line, name: type + name, labels: code.labels(in: open))
        }
    }

    /// Returns the name of the type or extension that contains a line. Relies on the formatter, which indents members.
    private func typeName(around line: Int) -> String? {
        let indentation = lines[line - 1].prefix { $0 == " " }.count
        for candidate in lines[..<(line - 1)].reversed() where candidate.prefix(while: { $0 == " " }).count < indentation {
            guard let match = candidate.firstMatch(of: /\b(?:struct|class|enum|actor|protocol|extension) ([\w.]+)/) else {
                continue
            }
            return match.1.split(separator: ".").last.map(String.init)
        }
        return nil
    }
}

extension SwiftCode {
    /// - Parameters:
    ///   - position: The end of the keyword.
    ///   - isInitializer: Whether the keyword is `init`.
    fileprivate func nameAndParenthesis(after position: Int, isInitializer: Bool) -> (name: String, open: Int)? {
        var index = position
        var name = "init"
        if isInitializer {
            if index < bytes.count, bytes[index] == UInt8(ascii: "?") || bytes[index] == UInt8(ascii: "!") { index += 1 }
        } else {
            guard let start = next(from: index) else { return nil }
            let isOperator = !bytes[start].isWord && bytes[start] != UInt8(ascii: "`")
            index = start
            while index < bytes.count, bytes[index] != .open, !bytes[index].isSpace, isOperator || bytes[index] != UInt8(ascii: "<")
            {
                index += 1
            }
            name = text(start..<index).filter { $0 != "`" }
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: "<") {
            var depth = 0
            repeat {
                if bytes[index] == UInt8(ascii: "<") { depth += 1 }
                if bytes[index] == UInt8(ascii: ">"), bytes[index - 1] != UInt8(ascii: "-") { depth -= 1 }
                index += 1
            } while index < bytes.count && depth > 0
        }
        guard let open = next(from: index), bytes[open] == .open else { return nil }
        return (name, open)
    }

    /// Returns the labels of the parameters in the list that opens at this position.
    fileprivate func labels(in open: Int) -> [String] {
        var parts: [String] = []
        var depth = 0
        var angles = 0
        var start = open + 1
        for index in open..<bytes.count {
            switch bytes[index] {
            case .open, UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "<"): angles += 1
            case UInt8(ascii: ">") where bytes[index - 1] != UInt8(ascii: "-"): angles = max(0, angles - 1)
            case .comma where depth == 1 && angles == 0:
                parts.append(text(start..<index))
                start = index + 1
            case .close, UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
            if depth == 0 {
                parts.append(text(start..<index))
                break
            }
        }
        return parts.compactMap { $0.firstMatch(of: /`?(\w+)/).map { String($0.1) } }
    }
}
