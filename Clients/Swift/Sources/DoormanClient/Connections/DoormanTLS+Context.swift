internal import DoormanPlatform
internal import DoormanSupport
package import NIOSSL
package import NIOSSLExtras

// The TLS contexts of the client's connections and of the load generator's.

extension DoormanTLS {
    /// The error of a TLS file that can't be used. It contains nothing of the file's contents.
    package struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the files and creates a TLS context.
    ///
    /// - Parameter adjust: Changes the TLS configuration before it is used.
    package func makeContext(adjust: (inout TLSConfiguration) -> Void = { _ in }) throws(Unusable) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if case .file(let path) = trust {
            configuration.trustRoots = .certificates(try Self.certificates(path, "CA file"))
        }
        if let keyPair {
            let keyFile = Self.name(keyPair.privateKeyFile, "private key file")
            let chain = try Self.certificates(keyPair.certificateFile, "certificate file")
            let key: NIOSSLPrivateKey
            do {
                key = try NIOSSLPrivateKey(file: keyPair.privateKeyFile, format: .pem)
            } catch {
                throw Unusable(description: "no private key can be read from \(keyFile): \(Self.cause(keyPair.privateKeyFile))")
            }
            guard NIOSSLExtras.KeyPair.belongTogether(privateKey: key, certificate: chain[0]) != false else {
                let certificate = Self.name(keyPair.certificateFile, "certificate file")
                throw Unusable(description: "\(keyFile) is not the key of the certificate in \(certificate)")
            }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        }
        adjust(&configuration)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Unusable(description: "no TLS context can be created from the files")
        }
    }

    /// Returns the name that a server's certificate must have. The host of the target does not count if a name is configured.
    package func expectedName(at target: DoormanTarget) -> ServerName {
        ServerName(serverName ?? target.host ?? "")
    }

    var files: [String] {
        var files: [String] = []
        if case .file(let path) = trust { files.append(path) }
        if let keyPair { files += [keyPair.certificateFile, keyPair.privateKeyFile] }
        return files
    }

    /// Returns the path of a file, or its name in words if the path may be a secret in the wrong place.
    private static func name(_ path: String, _ what: String) -> String {
        EchoedText.path(path) ?? "the \(what)"
    }

    private static func certificates(_ path: String, _ what: String) throws(Unusable) -> [NIOSSLCertificate] {
        do {
            let read = try NIOSSLCertificate.fromPEMFile(path)
            if !read.isEmpty { return read }
        } catch {
            throw Unusable(description: "no certificate can be read from \(name(path, what)): \(cause(path))")
        }
        throw Unusable(description: "no certificate can be read from \(name(path, what)): it holds none")
    }

    /// Returns the reason why a file can't be used. A library's own error may hold a part of the file.
    private static func cause(_ path: String) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return ConnectFailure.text(of: errno) }
        _ = close(file)
        return "it holds no PEM of that kind, or it is damaged"
    }
}
