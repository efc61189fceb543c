import Foundation

@testable import DoormanDaemon

/// A temporary folder with a file of providers, and the secrets `old`, `new`, `empty` and `long`.
struct ProviderFolder {
    static let secret = "0123456789abcdef0123456789abcdef"
    static let nextSecret = "fedcba9876543210fedcba9876543210"

    let url: URL
    /// The default settings, with the file.
    var settings = DoormandSettings()

    /// Runs `body` with a folder, which is removed afterwards. `FOLDER` in the text stands for the folder's path.
    static func with(_ text: String = "", _ body: (inout ProviderFolder) throws -> Void) throws {
        let url = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doormand-providers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        var folder = ProviderFolder(url: url)
        for (name, content) in [
            ("providers.yaml", text.replacing("FOLDER", with: url.path)), ("old", secret + "\n"), ("new", nextSecret),
            ("empty", ""), ("long", "\(secret)\nx"),
        ] { try folder.write(content, to: name) }
        folder.settings.providerFile = folder.path("providers.yaml")
        try body(&folder)
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func write(_ text: String, to name: String) throws {
        try text.write(to: url.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    /// The problems of the settings, as an operator sees them.
    var problems: [String] { Self.problems(settings) }

    /// The problems without the name of the setting, the lines, and the path of the folder.
    var shortProblems: [String] {
        problems.map {
            $0.replacing("provider.file, ", with: "").replacing(/(provider \d+), line \d+/) { $0.1 }
                .replacing(/relative to [^:]*/, with: "relative to FOLDER").replacing(url.path, with: "FOLDER")
        }
    }

    static func problems(_ settings: DoormandSettings) -> [String] {
        do throws(ConfigurationError) {
            _ = try settings.providers()
            return []
        } catch {
            return error.problems
        }
    }

    /// Returns the short problems of a file with this text.
    static func problems(inFile text: String) throws -> [String] {
        var problems: [String] = []
        try with(text) { problems = $0.shortProblems }
        return problems
    }
}
