import Testing

@Suite("Words that don't belong into the tree")
struct WordTests {
    // Each is put together from two, so that this file does not find itself.

    /// In any file.
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    /// In sources: what ends the process where an error could be told, and what stands in for work to be done.
    static let reckless = [#"\bfatal"# + #"Error\("#, #"\btry"# + "!", #"\bas"# + "!", "(?i)place" + "holder"]
    /// Paths of somebody's own machine.
    static let machine = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]

    @Test("nothing is left unfinished", arguments: unfinished)
    func finished(_ word: String) throws {
        for file in SourceTree.files where !file.isGenerated {
            for (line, _) in try file.matches(#"\b\#(word)\b"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(word): do it or leave it"))")
            }
        }
    }

    @Test("sources neither crash for convenience nor pretend", arguments: reckless)
    func careful(_ pattern: String) throws {
        for file in SourceTree.swift where file.module != nil {
            for (line, text) in try file.matches(pattern) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(text) is not used in sources"))")
            }
        }
    }

    @Test("no file knows the machine that it was written on", arguments: machine)
    func portable(_ path: String) throws {
        for file in SourceTree.files where !file.isGenerated {
            for (line, _) in try file.matches(#"(?<![\w./$}-])\#(path)"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(path) is a path of one machine"))")
            }
        }
    }

    @Test("a file is named for what it is")
    func names() throws {
        for file in SourceTree.files where file.isSwift || file.isScript {
            let name = SourceTree.File(path: file.path, text: file.name)
            for (_, word) in try name.matches("Util(s|ities)|Helpers?|Manager|Common") {
                Issue.record("\(SourceTree.Finding(file, "\(word) says nothing of what is inside"))")
            }
        }
    }
}
