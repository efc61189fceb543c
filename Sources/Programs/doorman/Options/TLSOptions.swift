internal import ArgumentParser
internal import DoormanClient

/// Whether to speak TLS, whom to trust, and what to show: the same for every command.
struct TLSOptions: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: "Whether to speak TLS. (default: $DOORMAN_TLS, or whether a file or name for it is given)")
    var tls: Bool?

    @Option(
        help: ArgumentHelp(
            "PEM file of the authorities to trust. (default: $DOORMAN_CA_FILE, or the system's)", valueName: "file"),
        completion: .file())
    var caFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate to show, then those between it and an authority. (default: $DOORMAN_CERTIFICATE_FILE)",
            valueName: "file"),
        completion: .file())
    var certificateFile: String?

    @Option(
        help: ArgumentHelp("PEM file of that certificate's key. (default: $DOORMAN_PRIVATE_KEY_FILE)", valueName: "file"),
        completion: .file())
    var privateKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "The name that the server's certificate must be for. (default: $DOORMAN_SERVER_NAME, or the address's host)",
            valueName: "name"))
    var serverName: String?

    private var isAnyGiven: Bool { [caFile, certificateFile, privateKeyFile, serverName].contains { $0 != nil } }

    /// - Returns: Nil for plain TCP.
    func decide(_ environment: CLIEnvironment) throws(ValidationError) -> DoormanTLS? {
        if tls == false, isAnyGiven { throw ValidationError("give --no-tls or files and a name for TLS, not both") }
        let authorities = environment.value(caFile, "--ca-file", or: .authoritiesFile)
        let certificate = environment.value(certificateFile, "--certificate-file", or: .certificateFile)
        let key = environment.value(privateKeyFile, "--private-key-file", or: .privateKeyFile)
        let name = environment.value(serverName, "--server-name", or: .serverName)
        let isAnySet = [authorities, certificate, key, name].contains { $0 != nil }
        guard try isWanted(environment) ?? isAnySet else { return nil }
        return DoormanTLS(
            trust: try authorities.map(Self.trust) ?? .system, keyPair: try Self.keyPair(certificate, key),
            serverName: try name.map(Self.serverName))
    }

    /// Nil if neither options nor `DOORMAN_TLS` say so.
    private func isWanted(_ environment: CLIEnvironment) throws(ValidationError) -> Bool? {
        if let tls { return tls }
        if isAnyGiven { return true }
        switch environment[.tls] {
        case nil: return nil
        case "true"?, "1"?: return true
        case "false"?, "0"?: return false
        default: throw ValidationError("\(CLIVariable.tls.rawValue) must be true or false")
        }
    }

    private static func trust(_ file: OptionValue) throws(ValidationError) -> DoormanTLS.Trust {
        try PEMFile.check(file, holds: .certificate)
        return .file(path: file.text)
    }

    private static func keyPair(_ certificate: OptionValue?, _ key: OptionValue?) throws(ValidationError) -> DoormanTLS.KeyPair? {
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, nil): throw lonely(certificate, "--private-key-file", .privateKeyFile)
        case (nil, let key?): throw lonely(key, "--certificate-file", .certificateFile)
        case (let certificate?, let key?):
            try PEMFile.check(certificate, holds: .certificate)
            try PEMFile.check(key, holds: .privateKey)
            return DoormanTLS.KeyPair(certificateFile: certificate.text, privateKeyFile: key.text)
        }
    }

    private static func lonely(_ given: OptionValue, _ option: String, _ variable: CLIVariable) -> ValidationError {
        ValidationError("\(given.source) is of no use without \(option) or \(variable.rawValue)")
    }

    /// An address is no name for TLS (RFC 6066, section 3): a certificate for one is compared with what is connected to.
    private static func serverName(_ name: OptionValue) throws(ValidationError) -> String {
        guard !name.text.isEmpty, name.text.contains(where: { $0.isLetter }), !name.text.contains(":") else {
            throw ValidationError("\(name.source) must be a name such as doorman.internal, not an address")
        }
        return name.text
    }
}
