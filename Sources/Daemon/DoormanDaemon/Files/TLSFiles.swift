internal import DoormanCore
internal import DoormanServer
internal import Foundation

/// The paths of the TLS files, as the settings name them; empty for none.
struct TLSFiles: Sendable, Hashable {
    /// A certificate with a long chain has some 10 KiB, a bundle of every public authority some 250.
    private static let maximumBytes = 1 << 20

    var certificate = ""
    var key = ""
    var clientAuthorities = ""
    var clientCertificates = TLSMaterial.ClientCertificates.required

    /// Whether TCP is served with TLS.
    var isTLS: Bool { !certificate.isEmpty || !key.isEmpty || !clientAuthorities.isEmpty }

    /// Reads the files as they are now.
    ///
    /// - Returns: `nil` if no files are named.
    /// - Throws: ``ConfigurationError`` with all mistakes. It repeats neither a file's text nor its path, which may be a secret that was
    ///   put there by mistake.
    func load(now: Timestamp) throws(ConfigurationError) -> ServerTLS? {
        guard isTLS else { return nil }
        var problems: [String] = []
        if certificate.isEmpty { problems.append("tls.certificate-file is required where there is one of the other tls files") }
        if key.isEmpty { problems.append("tls.private-key-file is required where there is one of the other tls files") }
        let certificateChain = Self.read(certificate, for: "tls.certificate-file", &problems)
        let privateKey = Self.read(key, for: "tls.private-key-file", &problems)
        let authorities = Self.read(clientAuthorities, for: "tls.client-ca-file", &problems)
        guard problems.isEmpty, let certificateChain, let privateKey else { throw ConfigurationError(problems: problems) }
        let material = TLSMaterial(
            certificateChain: certificateChain, privateKey: privateKey, clientAuthorities: authorities,
            clientCertificates: clientCertificates)
        do throws(InvalidTLSError) {
            return try ServerTLS(material, now: now)
        } catch {
            throw ConfigurationError(problems: error.problems)
        }
    }

    /// Returns `nil` if no file is named, or the file can't be read. Only the latter is a problem.
    private static func read(_ path: String, for setting: String, _ problems: inout [String]) -> [UInt8]? {
        guard !path.isEmpty else { return nil }
        guard let data = try? RegularFile.read(path) else {
            problems.append("\(setting): the file that it names can't be read")
            return nil
        }
        guard data.count <= maximumBytes else {
            problems.append("\(setting): the file that it names is longer than 1 MiB")
            return nil
        }
        return [UInt8](data)
    }
}
