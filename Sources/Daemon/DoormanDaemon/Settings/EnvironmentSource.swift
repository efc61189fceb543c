internal import Foundation

/// The settings in the environment, such as `DOORMAN_CACHE_TTL`.
struct EnvironmentSource: SettingsSource {
    /// The variables of the CLI, and `DOORMAN_CONFIG`, which names the settings file.
    private static let foreign: Set = [
        "DOORMAN_ADDRESS", "DOORMAN_TIMEOUT", "DOORMAN_TLS", "DOORMAN_CA_FILE", "DOORMAN_CERTIFICATE_FILE",
        "DOORMAN_PRIVATE_KEY_FILE", "DOORMAN_SERVER_NAME", "DOORMAN_EMULATOR", "DOORMAN_CONFIG",
    ]

    private(set) var values: [String: SourcedValue] = [:]
    private(set) var problems: [String] = []

    init(_ environment: [String: String]) {
        let names = SettingsCatalogue.all.map(\.environmentVariable)
        for (setting, name) in zip(SettingsCatalogue.all, names) {
            guard let text = environment[name] else { continue }
            let texts = setting.isList ? Self.items(text) : [text]
            values[setting.key] = SourcedValue(texts: texts, origin: "environment variable \(name)")
        }
        problems = environment.keys.sorted()
            .filter { $0.hasPrefix("DOORMAN_") && !Self.isForeign($0) && !names.contains($0) }
            .map { UnknownName.message("environment variable", $0, among: names) }
    }

    /// Splits a list and trims its items, because deployment manifests often have spaces after commas.
    private static func items(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// Returns whether the variable belongs to another program. Kubernetes sets such variables in every pod if a Service has the name
    /// `doorman`.
    private static func isForeign(_ variable: String) -> Bool {
        foreign.contains(variable) || variable == "DOORMAN_PORT" || variable.hasPrefix("DOORMAN_PORT_")
            || variable.hasPrefix("DOORMAN_SERVICE_")
    }
}
