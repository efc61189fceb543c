import Foundation
import TestKit
import Testing

/// The settings files of `docs/examples/providers`: `provider.file` if the file is a list, `--config` otherwise.
@Suite("The examples of providers", .timeLimit(.minutes(2)))
struct ProviderExampleTests {
    private static let folder = "docs/examples/providers"
    private static let kinds = ["account-kit", "facebook-login", "introspection", "jwt"]

    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        let lines: [String]

        var testDescription: String { name }

        /// The values of a key in all entries.
        func values(of key: String) -> [String] {
            lines.compactMap { line in
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: ["-", " ", "\""]) }
                return parts.count == 2 && parts[0] == key ? parts[1] : nil
            }
        }

        /// The names of the files with secrets.
        var secretFiles: [String] { ["app-secret-file", "client-secret-file"].flatMap(values) }
    }

    private static let examples: [Example] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized
        let path = root.appendingPathComponent(folder)
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []).sorted()
        return names.compactMap { name in
            guard let text = try? String(contentsOf: path.appendingPathComponent(name), encoding: .utf8) else { return nil }
            return Example(
                name: name, lines: text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init))
        }
    }()

    @Test("there is an example of every kind and of every preset")
    func complete() {
        #expect(Set(Self.examples.flatMap { $0.values(of: "kind") }) == Set(Self.kinds))
        #expect(Set(Self.examples.flatMap { $0.values(of: "preset") }) == ["firebase", "limited-login"])
    }

    @Test("doormand accepts an example once its secret files exist", arguments: examples)
    func loads(example: Example) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("doorman-example-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent(example.name)
        try (example.lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        let isList = example.lines.first?.hasPrefix("- ") == true
        let arguments = [isList ? "--provider-file" : "--config", file.path, "--check-config"]

        if !(example.secretFiles + example.values(of: "private-key-file")).isEmpty {
            let check = try ChildProcess(ChildProcess.built("doormand"), arguments)
            #expect(try await check.ending(within: .seconds(30)) == 78, "a missing secret is found:\n\(check.allOutput)")
        }
        for name in example.secretFiles {
            let path = folder.appendingPathComponent(name).path
            let secret = Data("0123456789abcdef0123456789abcdef\n".utf8)
            #expect(FileManager.default.createFile(atPath: path, contents: secret, attributes: [.posixPermissions: 0o600]))
        }
        for name in example.values(of: "private-key-file") {
            let key = try ChildProcess(
                "openssl",
                [
                    "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                    folder.appendingPathComponent(name).path,
                ])
            #expect(try await key.ending(within: .seconds(30)) == 0, "\(key.allOutput)")
        }
        let check = try ChildProcess(ChildProcess.built("doormand"), arguments)
        #expect(try await check.ending(within: .seconds(30)) == 0, "\(example.name):\n\(check.allOutput)")
        #expect(check.allOutput.contains("the settings are valid"))
        #expect(!check.allOutput.contains("warning"), "\(check.allOutput)")
    }

    @Test("a page shows each example as its file has it", arguments: examples)
    func shown(example: Example) {
        let shown = Page.all.flatMap { page in
            page.blocks.compactMap { block -> (place: String, lines: [String])? in
                guard case .file(example.name, let lines)? = block.example else { return nil }
                return ("\(page.path):\(block.line)", lines)
            }
        }.filter { $0.place.contains("connect-a-provider.md") || $0.place.contains("move-on-from-account-kit.md") }
        #expect(!shown.isEmpty, "\(Self.folder)/\(example.name) is on no page")
        for (place, lines) in shown {
            #expect(lines == example.lines, "\(place) differs from \(Self.folder)/\(example.name)")
        }
    }
}
