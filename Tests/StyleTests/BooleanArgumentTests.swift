import Testing

@Suite("Boolean arguments")
struct BooleanArgumentTests {
    /// Calls whose Boolean is a value and not a switch: a box, a member of a JSON object, and a case with the type's name.
    static let wrappers: Set = ["NIOLockedValueBox", "Member", "bool"]

    @Test("every Boolean argument in the sources has a label")
    func arguments() {
        for file in SourceTree.swift where file.module != nil {
            for (line, callee) in file.bareBooleans() where !Self.wrappers.contains(callee) {
                Issue.record("\(SourceTree.Finding(file, line: line, "a bare Boolean is passed to \(callee)"))")
            }
        }
    }

    @Test("only arguments of calls are found")
    func parsing() {
        let file = SourceTree.File(
            path: "Sample.swift",
            text: #"""
                open(true)
                open(file, false)
                open(file, mode: true)
                open(
                    file,
                    true,
                    again: false)
                file.open?(true)
                make<Int>(false)
                let pair = (true, false)
                let array = [true, false]
                open([true], (1, false))
                case .opened(true): open(true)
                if case .opened(_, false) = state {}
                if case .opened(let file) = open(false) {}
                // open(true)
                print("open(true) \(open(true))")
                return (true, 1)
                open(true || other)
                func open(_ flag: Bool = true, other: Bool = false)
                #expect(isOpen)
                open(isTrue, falsehood)
                """#)
        #expect(file.bareBooleans().map(\.line) == [1, 2, 6, 8, 9, 13, 15])
        #expect(file.bareBooleans().map(\.callee) == ["open", "open", "open", "open", "make", "open", "open"])
    }
}

extension SourceTree.File {
    /// Returns the arguments that are `true` or `false` without a label, each with its line and the name of the callee.
    func bareBooleans() -> [(line: Int, callee: String)] {
        let code = SwiftCode(lines)
        return code.positions(of: ["true", "false"]).compactMap { word in
            guard let before = code.previous(before: word.lowerBound), [.open, .comma].contains(code.bytes[before]),
                let after = code.next(from: word.upperBound), [.close, .comma].contains(code.bytes[after]),
                let open = code.openBracket(around: word.lowerBound), let callee = code.callee(before: open),
                !code.isPattern(at: open)
            else { return nil }
            return (code.line(at: word.lowerBound), callee)
        }
    }
}

extension SwiftCode {
    /// Returns the position of the innermost open bracket of any kind.
    fileprivate func openBracket(around position: Int) -> Int? {
        var depth = 0
        return bytes[..<position].indices.reversed().first { index in
            switch bytes[index] {
            case .close, UInt8(ascii: "]"), UInt8(ascii: "}"): depth += 1
            case .open, UInt8(ascii: "["), UInt8(ascii: "{"):
                if depth == 0 { return true }
                depth -= 1
            default: break
            }
            return false
        }
    }

    /// Returns the name of the callee of the parenthesis at this position, or `nil` if it is not a call. Calls have no space before it.
    fileprivate func callee(before open: Int) -> String? {
        guard bytes[open] == .open else { return nil }
        var end = open
        while end > 0, [UInt8(ascii: "?"), UInt8(ascii: "!")].contains(bytes[end - 1]) { end -= 1 }
        if end > 0, bytes[end - 1] == UInt8(ascii: ">") {
            var depth = 0
            repeat {
                end -= 1
                if bytes[end] == UInt8(ascii: ">") { depth += 1 }
                if bytes[end] == UInt8(ascii: "<") { depth -= 1 }
            } while end > 0 && depth > 0
        }
        var start = end
        while start > 0, bytes[start - 1].isWord { start -= 1 }
        if start < end { return text(start..<end) }
        // The result of a call or a subscript can be called, too.
        return end > 0 && [.close, UInt8(ascii: "]")].contains(bytes[end - 1]) ? "a closure" : nil
    }

    /// Returns whether the position is in a pattern, between `case` and the pattern's end on one line.
    fileprivate func isPattern(at position: Int) -> Bool {
        let start = bytes[..<position].lastIndex(of: .newline).map { $0 + 1 } ?? 0
        let line = text(start..<position)
        guard let pattern = line.matches(of: /\bcase\b/).last else { return false }
        return !line[pattern.range.upperBound...].contains { $0 == ":" || $0 == "=" }
    }
}
