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
    package func leaf(
        names: String = "DNS:localhost", usage: String = "serverAuth,clientAuth",
        key: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], isExpired: Bool = false
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
        try await Self.run([
            "x509", "-req", "-in", request, "-CA", certificateFile, "-CAkey", keyFile, "-set_serial", "\(number)",
            "-copy_extensions", "copyall", "-days", isExpired ? "-1" : "2", "-out", leaf.certificateFile,
        ])
        return leaf
    }

    /// Runs `openssl`.
    package static func run(_ arguments: [String]) async throws {
        let openssl = try ChildProcess("openssl", arguments)
        guard try await openssl.ending() == 0 else { throw NeverHappened(description: openssl.errorOutput) }
    }

    deinit {
        let leaves = count.withLockedValue { $0 }
        let files = (0..<leaves).flatMap { ["\($0 + 1).pem", "\($0 + 1)-key.pem", "\($0 + 1)-request.pem"] }
        for file in ["authority.pem", "authority-key.pem"] + files { unsafe unlink("\(folder)/\(file)") }
        unsafe rmdir(folder)
    }
}
