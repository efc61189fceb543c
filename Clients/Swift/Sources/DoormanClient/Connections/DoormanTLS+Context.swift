package import NIOSSL
internal import NIOSSLExtras

// How connections are secured: for the client's, and for those of the load generator.

extension DoormanTLS {
    /// What is wrong with a file, in words that hold nothing of its contents.
    package struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the files.
    ///
    /// - Parameter adjust: Changes what the files do not say.
    package func makeContext(adjust: (inout TLSConfiguration) -> Void = { _ in }) throws(Unusable) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if case .file(let path) = trust {
            configuration.trustRoots = .certificates(try Self.certificates(path, "CA file"))
        }
        if let keyPair {
            let chain = try Self.certificates(keyPair.certificateFile, "certificate file")
            guard let key = try? NIOSSLPrivateKey(file: keyPair.privateKeyFile, format: .pem) else {
                throw Unusable(description: "no private key can be read from \(keyPair.privateKeyFile)")
            }
            guard NIOSSLExtras.KeyPair.belongTogether(privateKey: key, certificate: chain[0]) != false else {
                throw Unusable(
                    description: "\(keyPair.privateKeyFile) is not the key of the certificate in \(keyPair.certificateFile)")
            }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        }
        adjust(&configuration)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Unusable(description: "TLS can't be made of \(files.joined(separator: ", "))")
        }
    }

    /// The name that a server's certificate must hold; `nil` for the address that was connected to, which is no name for TLS (RFC 6066,
    /// section 3).
    package func expectedName(at target: DoormanTarget) -> String? {
        serverName ?? target.hostName
    }

    var files: [String] {
        var files: [String] = []
        if case .file(let path) = trust { files.append(path) }
        if let keyPair { files += [keyPair.certificateFile, keyPair.privateKeyFile] }
        return files
    }

    private static func certificates(_ path: String, _ what: String) throws(Unusable) -> [NIOSSLCertificate] {
        let read = try? NIOSSLCertificate.fromPEMFile(path)
        guard let read, !read.isEmpty else { throw Unusable(description: "no certificate can be read from the \(what) \(path)") }
        return read
    }
}
