import Foundation
import Testing

@testable import DoormanDaemon

@Suite("An audience or issuer without a value in provider.file")
struct EmptyAudienceTests {
    private func problems(_ lines: String) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("providers.yaml")
        try Data("s".utf8).write(to: folder.appendingPathComponent("secret"))
        let text = """
            - name: partner
              kind: introspection
              endpoint: https://id.partner.example/introspect
              client-id: doorman
              client-secret-file: secret
              \(lines)
            """
        try Data(text.utf8).write(to: file)
        var settings = DoormandSettings()
        settings.providerFile = file.path
        do throws(ConfigurationError) {
            _ = try settings.providers()
            return []
        } catch {
            return error.problems
        }
    }

    @Test("a value is accepted", arguments: ["audience: [orders-api]", "audience: a, b", "issuer: https://id.partner.example", ""])
    func present(lines: String) throws {
        #expect(try problems(lines).isEmpty)
    }

    @Test(
        "no value is an error, and does not switch the check off",
        arguments: ["audience:", "audience: []", #"audience: """#, #"audience: [orders-api, ""]"#, "audience: ','", "issuer:"])
    func absent(lines: String) throws {
        let problems = try problems(lines)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(lines.prefix { $0 != ":" }) == true)
    }
}
