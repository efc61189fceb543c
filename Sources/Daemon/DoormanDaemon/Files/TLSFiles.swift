internal import DoormanCore
internal import DoormanFiles
internal import DoormanServer

/// The paths of the TLS files from the settings. An empty path means no file.
struct TLSFiles: Sendable, Hashable {
    /// Far more than any real file: a long certificate chain has about 10 KiB, a bundle of all public authorities about 250 KiB.
    private static let maximumBytes = 1 << 20

    var certificate = ""
    var key = ""
    var clientAuthorities = ""
    /// The value of the setting `tls.client-auth`. `nil` if no source sets it.
    private var explicitClientCertificates: TLSMaterial.ClientCertificates?

    init(certificate: String = "", key: String = "", clientAuthorities: String = "") {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }

    var clientCertificates: TLSMaterial.ClientCertificates {
        get { explicitClientCertificates ?? .required }
        set { explicitClientCertificates = newValue }
    }

    /// Whether the TCP listener uses TLS.
    var isTLS: Bool { !certificate.isEmpty || !key.isEmpty || !clientAuthorities.isEmpty }

    /// Reads and checks the current files.
    ///
    /// - Returns: `nil` if the settings name no file.
    /// - Throws: ``ConfigurationError`` with all problems. It does not repeat a file's text, which is a secret.
    func load(now: Timestamp) throws(ConfigurationError) -> ServerTLS? {
        var problems: [String] = []
        // Without authorities, no certificate would be required.
        if explicitClientCertificates == .required, clientAuthorities.isEmpty {
            problems.append("tls.client-auth: required needs tls.client-ca-file, which is missing")
        }
        guard isTLS else {
            if problems.isEmpty { return nil }
            throw ConfigurationError(problems: problems)
        }
        if certificate.isEmpty { problems.append("tls.certificate-file is required if another TLS file is set") }
        if key.isEmpty { problems.append("tls.private-key-file is required if another TLS file is set") }
        let certificateChain = Self.read(certificate, for: "tls.certificate-file", &problems)
        let privateKey = Self.read(key, for: "tls.private-key-file", &problems)
        let authorities = Self.read(clientAuthorities, for: "tls.client-ca-file", &problems)
        guard problems.isEmpty, let certificateChain, let privateKey else { throw ConfigurationError(problems: problems) }
        let material = TLSMaterial(
            certificateChain: certificateChain, privateKey: privateKey, clientAuthorities: authorities,
            clientCertificates: clientCertificates)
        return try Self.serverTLS(material, now: now)
    }

    /// Checks the material of TLS files.
    static func serverTLS(_ material: TLSMaterial, now: Timestamp) throws(ConfigurationError) -> ServerTLS {
        do throws(InvalidTLSError) {
            return try ServerTLS(material, now: now)
        } catch {
            throw ConfigurationError(problems: error.problems)
        }
    }

    /// Returns `nil` if the path is empty or the file cannot be read. Only an unreadable file is a problem.
    private static func read(_ path: String, for setting: String, _ problems: inout [String]) -> [UInt8]? {
        guard !path.isEmpty else { return nil }
        do throws(FileAccessError) {
            let bytes = try RegularFile.read(path, limit: maximumBytes)
            if bytes.count <= maximumBytes { return bytes }
            problems.append("\(setting): the file is longer than 1 MiB")
        } catch {
            problems.append(UnreadableFile.problem(of: setting, path, error))
        }
        return nil
    }
}
