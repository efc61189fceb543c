import DoormanCore
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("TLS files")
struct TLSFilesTests {
    /// Computed, because a certificate begins with the second in which it is made.
    private var now: Timestamp { Timestamp(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000)) }

    private func problems(_ files: TLSFiles) -> [String] {
        do throws(ConfigurationError) {
            _ = try files.load(now: now)
            return []
        } catch {
            return error.problems
        }
    }

    @Test("without files there is no TLS")
    func none() throws {
        #expect(try TLSFiles().load(now: .distantFuture) == nil)
    }

    @Test("a certificate with its key turns TLS on")
    func pair() async throws {
        let certificate = try await TestCertificate()
        var files = TLSFiles(certificate: certificate.certificateFile, key: certificate.keyFile)
        #expect(try files.load(now: now)?.warnings == [])
        files.clientAuthorities = certificate.certificateFile
        #expect(problems(files).isEmpty)
    }

    @Test("an incomplete set of files is an error, not a listener without TLS")
    func half() {
        #expect(problems(TLSFiles(certificate: "/nowhere")).first?.hasPrefix("tls.private-key-file is required") == true)
        #expect(problems(TLSFiles(key: "/nowhere")).first?.hasPrefix("tls.certificate-file is required") == true)
        #expect(problems(TLSFiles(clientAuthorities: "/nowhere")).count == 3)
    }

    @Test("required certificates without an authority are an error, if a source says required")
    func requiredWithoutAuthority() async throws {
        let certificate = try await TestCertificate()
        let expected = ["tls.client-auth: required needs tls.client-ca-file, which is missing"]
        for var files in [TLSFiles(), TLSFiles(certificate: certificate.certificateFile, key: certificate.keyFile)] {
            #expect(problems(files).isEmpty)
            files.clientCertificates = .optional
            #expect(problems(files).isEmpty)
            files.clientCertificates = .required
            #expect(problems(files) == expected)
        }
        var files = TLSFiles(
            certificate: certificate.certificateFile, key: certificate.keyFile, clientAuthorities: certificate.certificateFile)
        files.clientCertificates = .required
        #expect(problems(files).isEmpty)
    }

    @Test("the error of an unreadable file names the setting, the path and the cause")
    func unreadable() {
        let problems = problems(TLSFiles(certificate: "/nowhere", key: "/dev", clientAuthorities: "/dev/zero"))
        #expect(
            problems == [
                "tls.certificate-file: cannot read /nowhere: no such file or directory",
                "tls.private-key-file: cannot read /dev: it is not a regular file",
                "tls.client-ca-file: cannot read /dev/zero: it is not a regular file",
            ])
    }
}
