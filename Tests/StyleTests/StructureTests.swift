import Testing

@Suite("Structure of modules")
struct StructureTests {
    /// The maximum number of files of a module without folders.
    static let largestFlatModule = 8
    static let largestFolder = 15

    @Test("every top-level type has a name of its own")
    func typeNames() throws {
        for (name, files) in try Self.typesInSeveralModules(SourceTree.swift) {
            let modules = Set(files.compactMap(\.module)).sorted().joined(separator: ", ")
            for file in files { Issue.record("\(SourceTree.Finding(file, "the type \(name) is in several modules: \(modules)"))") }
        }
    }

    @Test("a module of more than eight files has folders")
    func folders() {
        for (module, files) in Self.byModule(SourceTree.swift) where files.count > Self.largestFlatModule {
            for file in files where file.folder == module {
                Issue.record("\(SourceTree.Finding(file, "the module has \(files.count) files, so each belongs in a folder"))")
            }
        }
    }

    @Test("a folder has at most fifteen files")
    func folderSizes() {
        let files = SourceTree.swift.filter { $0.module != nil }
        for (folder, files) in Dictionary(grouping: files, by: \.folder) where files.count > Self.largestFolder {
            Issue.record("\(SourceTree.Finding(files[0], "the folder \(folder) has \(files.count) files"))")
        }
    }

    @Test("every kind of top-level type is found")
    func parsing() throws {
        let file = SourceTree.File(
            path: "Sources/Core/DoormanCore/Tokens/Sample.swift",
            text: """
                struct Plain {
                    struct Nested {}
                }
                package final class Class {}
                @MainActor public actor Actor {}
                indirect enum Enum<Value> {}
                @available(*, deprecated) protocol Protocol {}
                private struct Hidden {}
                fileprivate enum HiddenToo {}
                extension Plain {}
                // struct Comment
                let structure = 1
                """)
        #expect(try file.topLevelTypes() == ["Plain", "Class", "Actor", "Enum", "Protocol"])
        #expect(file.folder == "Sources/Core/DoormanCore/Tokens")
        let other = SourceTree.File(path: "Sources/Wire/DoormanWire/Frames/Sample.swift", text: "enum Plain {}\nenum Other {}")
        let sameModule = SourceTree.File(path: "Sources/Wire/DoormanWire/Sample.swift", text: "enum Other {}")
        #expect(try Self.typesInSeveralModules([file, other, sameModule]).map(\.name) == ["Plain"])
    }

    private static func typesInSeveralModules(_ files: [SourceTree.File]) throws -> [(name: String, files: [SourceTree.File])] {
        let types = try files.filter { $0.module != nil }.flatMap { file in try file.topLevelTypes().map { ($0, file) } }
        return Dictionary(grouping: types, by: \.0)
            .filter { Set($0.value.compactMap(\.1.module)).count > 1 }
            .sorted { $0.key < $1.key }
            .map { ($0.key, $0.value.map(\.1)) }
    }

    /// The files of each module, by its folder.
    private static func byModule(_ files: [SourceTree.File]) -> [String: [SourceTree.File]] {
        SourceTree.modules.keys.reduce(into: [:]) { found, folder in
            found[folder] = files.filter { $0.path.hasPrefix(folder + "/") }
        }
    }
}

extension SourceTree.File {
    var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }

    /// Returns the top-level types that are visible in the whole module. Relies on the formatter, which indents nested types.
    func topLevelTypes() throws -> [String] {
        let attributes = #"(?:@\w+(?:\([^)]*\))? )*"#
        let modifiers = "(?:(?:public|package|internal|final|indirect|nonisolated|distributed) )*"
        return try matches("^" + attributes + modifiers + #"(?:struct|class|enum|actor|protocol) \w+"#).compactMap {
            $0.text.split(separator: " ").last.map(String.init)
        }
    }
}
