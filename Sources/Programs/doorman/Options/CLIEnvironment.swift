internal import DoormanSupport

/// The environment variables of the CLI. An option overrides its variable.
///
/// The settings of `doormand` are `DOORMAN_…` variables too. `doormand` ignores these names, because both may run in one environment.
enum CLIVariable: String, CaseIterable {
    case address = "DOORMAN_ADDRESS"
    case timeout = "DOORMAN_TIMEOUT"
    case tls = "DOORMAN_TLS"
    case authoritiesFile = "DOORMAN_CA_FILE"
    case certificateFile = "DOORMAN_CERTIFICATE_FILE"
    case privateKeyFile = "DOORMAN_PRIVATE_KEY_FILE"
    case serverName = "DOORMAN_SERVER_NAME"
    case emulator = "DOORMAN_EMULATOR"

    /// The variable's description in the help.
    var summary: String {
        switch self {
        case .address: "Default for --address."
        case .timeout: "Default for --timeout."
        case .tls: "Default for --tls (true) or --no-tls (false)."
        case .authoritiesFile: "Default for --ca-file."
        case .certificateFile: "Default for --certificate-file."
        case .privateKeyFile: "Default for --private-key-file."
        case .serverName: "Default for --server-name."
        case .emulator: "Default for --emulator of 'doorman dev login'."
        }
    }
}

/// The values of the CLI's environment variables.
struct CLIEnvironment {
    private let read: (String) -> String?

    init(_ read: @escaping (String) -> String?) {
        self.read = read
    }

    static var process: CLIEnvironment { CLIEnvironment(StandardStreams.environment) }

    /// The variable's value. `nil` if the variable is unset or empty: an empty value is how a shell unsets it for a single command.
    subscript(variable: CLIVariable) -> String? {
        guard let value = read(variable.rawValue), !value.isEmpty else { return nil }
        return value
    }

    /// Returns the option's value, or the variable's if there is no option.
    func value(_ option: String?, _ name: String, or variable: CLIVariable) -> OptionValue? {
        if let option { return OptionValue(text: option, source: name) }
        return self[variable].map { OptionValue(text: $0, source: variable.rawValue) }
    }
}

/// A value and its source. Errors name the source, so that users find the problem.
struct OptionValue: Equatable {
    let text: String
    /// The option or variable, such as `--ca-file` or `DOORMAN_CA_FILE`.
    let source: String

    /// The value in words, if it is the path of a file. Another text may be a token in the wrong place.
    var file: String { EchoedText.path(text).map { "'\($0)'" } ?? "the file of \(source)" }
}
