internal import ArgumentParser
internal import DoormanClient
internal import DoormanSupport

/// The TLS options of every command.
struct TLSOptions: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: "Whether to use TLS. (default: $DOORMAN_TLS, or whether a TLS file or name is set)")
    var tls: Bool?

    @Option(
        name: [.long, .customLong("cacert")],
        help: ArgumentHelp(
            "PEM file with the certificate authorities to trust. (default: $DOORMAN_CA_FILE, or the system's)", valueName: "file"),
        completion: .file())
    var caFile: String?

    @Option(
        name: [.long, .customLong("cert")],
        help: ArgumentHelp(
            "PEM file with the client certificate, followed by its intermediates. (default: $DOORMAN_CERTIFICATE_FILE)",
            valueName: "file"),
        completion: .file())
    var certificateFile: String?

    @Option(
        name: [.long, .customLong("key")],
        help: ArgumentHelp(
            "PEM file with the private key of that certificate. (default: $DOORMAN_PRIVATE_KEY_FILE)", valueName: "file"),
        completion: .file())
    var privateKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "Name that the server's certificate must hold. (default: $DOORMAN_SERVER_NAME, or the host of the address)",
            valueName: "name"))
    var serverName: String?

    private var hasTLSOption: Bool { [caFile, certificateFile, privateKeyFile, serverName].contains { $0 != nil } }

    /// Returns the TLS configuration, or `nil` for no TLS.
    func configuration(_ environment: CLIEnvironment) throws(ValidationError) -> DoormanTLS? {
        if tls == false, hasTLSOption { throw ValidationError("--no-tls cannot be combined with TLS files or --server-name") }
        let authorities = environment.value(caFile, "--ca-file", or: .authoritiesFile)
        let certificate = environment.value(certificateFile, "--certificate-file", or: .certificateFile)
        let key = environment.value(privateKeyFile, "--private-key-file", or: .privateKeyFile)
        let name = environment.value(serverName, "--server-name", or: .serverName)
        let isAnySet = [authorities, certificate, key, name].contains { $0 != nil }
        guard try isRequested(environment) ?? isAnySet else { return nil }
        let tls = DoormanTLS(
            trust: try authorities.map(Self.trust) ?? .system, keyPair: try Self.keyPair(certificate, key),
            serverName: try name.map(Self.serverName))
        guard authorities != nil || certificate != nil else { return tls }
        // The client would report broken files as an unreachable server.
        do throws(DoormanTLS.Unusable) {
            _ = try tls.makeContext()
        } catch {
            throw ValidationError("\(error)")
        }
        return tls
    }

    /// Returns whether options or `DOORMAN_TLS` request TLS, or `nil` if they leave it open.
    private func isRequested(_ environment: CLIEnvironment) throws(ValidationError) -> Bool? {
        if let tls { return tls }
        if hasTLSOption { return true }
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
        case (let certificate?, nil): throw missing("--private-key-file", .privateKeyFile, for: certificate)
        case (nil, let key?): throw missing("--certificate-file", .certificateFile, for: key)
        case (let certificate?, let key?):
            try PEMFile.check(certificate, holds: .certificate)
            try PEMFile.check(key, holds: .privateKey)
            return DoormanTLS.KeyPair(certificateFile: certificate.text, privateKeyFile: key.text)
        }
    }

    private static func missing(_ option: String, _ variable: CLIVariable, for file: OptionValue) -> ValidationError {
        ValidationError("\(file.source) needs \(option) or \(variable.rawValue)")
    }

    /// Returns the name. TLS has no addresses as names (RFC 6066, section 3): the client compares them with the address of the connection.
    private static func serverName(_ name: OptionValue) throws(ValidationError) -> String {
        guard !name.text.isEmpty, name.text.contains(where: { $0.isLetter }), !name.text.contains(":") else {
            throw ValidationError("\(name.source) must be a name such as doorman.internal, not an address")
        }
        // The name goes over the network in the clear.
        guard !MisplacedToken.isProbable(host: name.text) else {
            throw ValidationError("\(name.source) looks like a token: expected a name such as doorman.internal")
        }
        return name.text
    }
}
