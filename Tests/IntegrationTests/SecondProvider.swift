import Foundation

@testable import DoormanDaemon

extension DoormandSettings {
    /// Moves the provider of the settings into a file, beside a second provider whose issuer can't be reached.
    ///
    /// - Parameter issuer: The URL of the issuer.
    mutating func addProvider(named name: String, issuer: String = "http://127.0.0.1:1/") throws {
        let entry = try providerEntries()[0]
        let values = entry.values.sorted { $0.key < $1.key }.map { key, values in
            "\(key): [\(values.map { "\"\($0)\"" }.joined(separator: ", "))]"
        }
        let members = (["name: \(entry.name)", "kind: \(entry.kind.rawValue)"] + values).joined(separator: ", ")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("doorman-providers-\(UUID().uuidString).yaml")
        let second = "{name: \(name), kind: jwt, issuer: \"\(issuer)\", audience: [another-api]}"
        try Data("- {\(members)}\n- \(second)\n".utf8).write(to: file)
        providerFile = file.path
        accountKit = AccountKitTexts()
        facebookLogin = FacebookLoginTexts()
        introspection = IntrospectionTexts()
        jwt = JWTTexts()
    }
}
