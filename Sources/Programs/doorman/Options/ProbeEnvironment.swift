/// The variables that this program looks at. An option of the command line goes before its variable.
///
/// `doormand`, whose settings are `DOORMAN_…` variables too, knows these names as the probe's: both may run in one environment.
enum ProbeVariable: String, CaseIterable {
    case address = "DOORMAN_ADDR"
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

/// What those variables say.
struct ProbeEnvironment {
    private let read: (String) -> String?

    init(_ read: @escaping (String) -> String?) {
        self.read = read
    }

    static var process: ProbeEnvironment { ProbeEnvironment(StandardStreams.environment) }

    /// Nil if the variable is not set, or empty: that is how a shell takes one back for a single command.
    subscript(variable: ProbeVariable) -> String? {
        guard let value = read(variable.rawValue), !value.isEmpty else { return nil }
        return value
    }

    /// What the option says, or else the variable.
    func value(_ option: String?, _ name: String, or variable: ProbeVariable) -> Given? {
        if let option { return Given(text: option, source: name) }
        return self[variable].map { Given(text: $0, source: variable.rawValue) }
    }
}

/// A value, and who gave it: complaints name that, so that nobody looks for the mistake in the wrong place.
struct Given: Equatable {
    let text: String
    /// `--ca-file`, or `DOORMAN_CA_FILE`.
    let source: String
}
