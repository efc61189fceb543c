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
        let known = Set(names)
        problems = environment.sorted { $0.key < $1.key }
            .filter { name, value in
                name.hasPrefix("DOORMAN_") && !Self.foreign.contains(name) && !known.contains(name)
                    && !KubernetesServiceLink.isPossible(name, value)
            }
            .map { UnknownName.message("environment variable", $0.key, spelling: \.environmentVariable) }
    }

    /// Splits a list and trims its items, because deployment manifests often have spaces after commas.
    private static func items(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }
}

/// The variables that Kubernetes sets in every pod for each Service of its namespace. For a Service `doorman-canary` they begin with
/// `DOORMAN_CANARY_`. See "Discovering services" in Kubernetes' documentation of Services.
enum KubernetesServiceLink {
    private static let protocols = ["TCP", "UDP", "SCTP"]

    /// Returns whether Kubernetes can have set a variable for a Service whose name begins with `doorman`.
    static func isPossible(_ name: String, _ value: String) -> Bool {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        return isService(parts) || isURL(parts, value) || isPort(parts)
    }

    /// Returns whether the name ends in `_SERVICE_HOST`, `_SERVICE_PORT`, or `_SERVICE_PORT_NAME` for a port with a name.
    private static func isService(_ parts: [String]) -> Bool {
        guard let index = parts.lastIndex(of: "SERVICE"), index > 0 else { return false }
        let rest = parts[(index + 1)...]
        return rest == ["HOST"] || rest.first == "PORT"
    }

    /// Returns whether the name ends in `_PORT`, and the value is the URL of a port, such as `tcp://10.0.0.1:7117`.
    private static func isURL(_ parts: [String], _ value: String) -> Bool {
        parts.count > 1 && parts.last == "PORT" && protocols.contains { value.hasPrefix($0.lowercased() + "://") }
    }

    /// Returns whether the name ends in `_PORT_7117_TCP`, `_PORT_7117_TCP_ADDR`, `_PORT_7117_TCP_PORT` or `_PORT_7117_TCP_PROTO`.
    private static func isPort(_ parts: [String]) -> Bool {
        let hasDetail = ["ADDR", "PORT", "PROTO"].contains(parts.last ?? "")
        let end = (hasDetail ? parts.dropLast() : parts[...]).suffix(3)
        guard parts.count > end.count, let port = end.first, let transport = end.last, end.count == 3 else { return false }
        return port == "PORT" && UInt16(end[end.startIndex + 1]) != nil && protocols.contains(transport)
    }
}
