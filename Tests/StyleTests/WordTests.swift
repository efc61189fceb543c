import Testing

@Suite("Unwanted words")
struct WordTests {
    // Each word has two parts, so that this file does not find itself.

    /// Marks of unfinished work, which no file may contain.
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    /// Code that crashes instead of throwing, and stand-ins for missing work, which no source may contain.
    static let reckless = [#"\bfatal"# + #"Error\("#, #"\btry"# + "!", #"\bas"# + "!", "(?i)place" + "holder"]
    /// Paths of a developer's machine.
    static let machine = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]

    @Test("no file contains a mark of unfinished work", arguments: unfinished)
    func finished(_ word: String) throws {
        for file in SourceTree.files where !file.isGenerated {
            for (line, _) in try file.matches(#"\b\#(word)\b"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(word): finish the work or open an issue"))")
            }
        }
    }

    @Test("sources throw errors instead of crashing", arguments: reckless)
    func careful(_ pattern: String) throws {
        for file in SourceTree.swift where file.module != nil {
            for (line, text) in try file.matches(pattern) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(text) is not used in sources"))")
            }
        }
    }

    @Test("no file contains a path of a developer's machine", arguments: machine)
    func portable(_ path: String) throws {
        for file in SourceTree.files where !file.isGenerated {
            for (line, _) in try file.matches(#"(?<![\w./$}-])\#(path)"#) {
                Issue.record("\(SourceTree.Finding(file, line: line, "\(path) is a path of one machine"))")
            }
        }
    }

    @Test("the name of a file tells its subject")
    func names() throws {
        for file in SourceTree.files where file.isSwift || file.isScript {
            let name = SourceTree.File(path: file.path, text: file.name)
            for (_, word) in try name.matches("Util(s|ities)|Helpers?|Manager|Common") {
                Issue.record("\(SourceTree.Finding(file, "\(word) does not tell the file's subject"))")
            }
        }
    }
}
