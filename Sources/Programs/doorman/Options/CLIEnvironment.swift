/// The variables that this program looks at. An option of the command line overrides its variable.
///
/// `doormand`, whose settings are `DOORMAN_…` variables too, knows these names as the CLI's: both may run in one environment.
enum CLIVariable: String, CaseIterable {
    case address = "DOORMAN_ADDRESS"
    case timeout = "DOORMAN_TIMEOUT"
    case tls = "DOORMAN_TLS"
    case authoritiesFile = "DOORMAN_CA_FILE"
    case certificateFile = "DOORMAN_CERTIFICATE_FILE"
    case privateKeyFile = "DOORMAN_PRIVATE_KEY_FILE"
    case serverName = "DOORMAN_SERVER_NAME"
    case emulator = "DOORMAN_EMULATOR"

    /// For the command's help.
    var summary: String {
        switch self {
        case .address: "The servers, as --address takes them."
        case .timeout: "How long to wait, as --timeout takes it."
        case .tls: "true or false: whether to speak TLS, as --tls and --no-tls say."
        case .authoritiesFile: "As --ca-file."
        case .certificateFile: "As --certificate-file."
        case .privateKeyFile: "As --private-key-file."
        case .serverName: "As --server-name."
        case .emulator: "The emulator that 'doorman login' asks, as --emulator."
        }
    }
}

/// The values of those variables.
struct CLIEnvironment {
    private let read: (String) -> String?

    init(_ read: @escaping (String) -> String?) {
        self.read = read
    }

    static var process: CLIEnvironment { CLIEnvironment(StandardStreams.environment) }

    /// Nil if the variable is not set, or empty: that is how a shell takes one back for a single command.
    subscript(variable: CLIVariable) -> String? {
        guard let value = read(variable.rawValue), !value.isEmpty else { return nil }
        return value
    }

    /// The option's value, or else that of the variable.
    func value(_ option: String?, _ name: String, or variable: CLIVariable) -> OptionValue? {
        if let option { return OptionValue(text: option, source: name) }
        return self[variable].map { OptionValue(text: $0, source: variable.rawValue) }
    }
}

/// A value and its source, which errors name, so that the mistake is looked for in the right place.
struct OptionValue: Equatable {
    let text: String
    /// `--ca-file`, or `DOORMAN_CA_FILE`.
    let source: String
}
