private import Foundation
private import Glibc

/// A self-signed certificate and its key, made by the `openssl` program in a temporary folder that is removed with it.
package final class TestCertificate: Sendable {
    private let folder: String
    package var certificateFile: String { folder + "/certificate.pem" }
    package var keyFile: String { folder + "/key.pem" }

    /// - Parameters:
    ///   - names: The names, in the syntax of openssl's `subjectAltName`.
    ///   - isExpired: Whether the certificate expired yesterday.
    package init(names: String = "DNS:localhost", isExpired: Bool = false) async throws {
        var template = Array("/tmp/doorman-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw NeverHappened(description: "cannot make a temporary folder: errno \(errno)")
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try await Self.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=\(names)", "-keyout", folder + "/key.pem", "-out",
            folder + "/certificate.pem",
        ])
        if isExpired {
            // Only an existing certificate can be signed for a time in the past.
            let files = ["-in", certificateFile, "-signkey", keyFile, "-out", certificateFile]
            try await Self.run(["x509", "-days", "-1"] + files)
        }
    }

    /// Returns the certificate in PEM form.
    package func certificateBytes() throws -> [UInt8] {
        guard let contents = FileManager.default.contents(atPath: certificateFile) else {
            throw NeverHappened(description: "the certificate cannot be read")
        }
        return Array(contents)
    }

    private static func run(_ arguments: [String]) async throws {
        let openssl = try ChildProcess("openssl", arguments)
        guard try await openssl.ending() == 0 else { throw NeverHappened(description: openssl.errorOutput) }
    }

    deinit {
        for file in [certificateFile, keyFile] { unsafe unlink(file) }
        unsafe rmdir(folder)
    }
}
