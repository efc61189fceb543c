private import Foundation
private import Glibc
private import NIOConcurrencyHelpers

/// A certificate authority for tests, made by the `openssl` program in a temporary folder that is removed with it.
package final class TestAuthority: Sendable {
    /// A certificate and its key. The files exist as long as this value.
    package struct Leaf: Sendable {
        fileprivate let authority: TestAuthority
        package let certificateFile: String
        package let keyFile: String
    }

    private let folder: String
    private let count = NIOLockedValueBox(0)
    package var certificateFile: String { folder + "/authority.pem" }
    private var keyFile: String { folder + "/authority-key.pem" }

    package init() async throws {
        var template = Array("/tmp/doorman-authority-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw NeverHappened(description: "cannot make a temporary folder: errno \(errno)")
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try await Self.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=authority \(folder.suffix(6))", "-keyout", keyFile, "-out", certificateFile,
        ])
    }

    /// Creates a certificate.
    ///
    /// - Parameters:
    ///   - names: The names, in the syntax of openssl's `subjectAltName`; empty for none.
    ///   - usage: openssl's `extendedKeyUsage`.
    ///   - key: openssl's options for a new key.
    ///   - isExpired: Whether the certificate expired yesterday.
    ///   - isEarly: Whether the certificate becomes valid in 2090.
    package func leaf(
        names: String = "DNS:localhost", usage: String = "serverAuth,clientAuth",
        key: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], isExpired: Bool = false, isEarly: Bool = false
    ) async throws -> Leaf {
        let number = count.withLockedValue { count in
            count += 1
            return count
        }
        let base = "\(folder)/\(number)"
        let request = base + "-request.pem"
        let leaf = Leaf(authority: self, certificateFile: base + ".pem", keyFile: base + "-key.pem")
        let extensions = (names.isEmpty ? [] : ["-addext", "subjectAltName=\(names)"]) + ["-addext", "extendedKeyUsage=\(usage)"]
        try await Self.run(
            ["req", "-new", "-newkey"] + key + ["-nodes", "-subj", "/CN=test", "-keyout", leaf.keyFile, "-out", request]
                + extensions)
        guard !isEarly else {
            try await signForLater(request, leaf.certificateFile)
            return leaf
        }
        try await Self.run([
            "x509", "-req", "-in", request, "-CA", certificateFile, "-CAkey", keyFile, "-set_serial", "\(number)",
            "-copy_extensions", "copyall", "-days", isExpired ? "-1" : "2", "-out", leaf.certificateFile,
        ])
        return leaf
    }

    /// Signs a request for a certificate that becomes valid in 2090. `openssl x509` can't do that.
    private func signForLater(_ request: String, _ certificate: String) async throws {
        let (settings, database) = (folder + "/ca.cnf", folder + "/database")
        try """
        [ca]
        default_ca = own
        [own]
        database = \(database)
        new_certs_dir = \(folder)
        rand_serial = yes
        unique_subject = no
        default_md = sha256
        policy = any
        copy_extensions = copyall
        [any]
        commonName = supplied
        """.write(toFile: settings, atomically: true, encoding: .utf8)
        try "".write(toFile: database, atomically: true, encoding: .utf8)
        try await Self.run([
            "ca", "-batch", "-notext", "-config", settings, "-in", request, "-cert", certificateFile, "-keyfile", keyFile,
            "-startdate", "20900101000000Z", "-enddate", "20910101000000Z", "-out", certificate,
        ])
    }

    /// Runs `openssl`.
    package static func run(_ arguments: [String]) async throws {
        let openssl = try ChildProcess("openssl", arguments)
        guard try await openssl.ending() == 0 else { throw NeverHappened(description: openssl.errorOutput) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }
}
