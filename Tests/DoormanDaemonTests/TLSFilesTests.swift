import DoormanCore
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("The files of TLS")
struct TLSFilesTests {
    private let now = Timestamp(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))

    private func problems(_ files: TLSFiles) -> [String] {
        do throws(ConfigurationError) {
            _ = try files.load(now: now)
            return []
        } catch {
            return error.problems
        }
    }

    @Test("none is no TLS; a pair that fits is")
    func pair() async throws {
        #expect(try TLSFiles().load(now: .distantFuture) == nil)
        let certificate = try await TestCertificate()
        var files = TLSFiles(certificate: certificate.certificateFile, key: certificate.keyFile)
        #expect(try files.load(now: now)?.warnings == [])
        files.clientAuthorities = certificate.certificateFile
        #expect(problems(files).isEmpty)
    }

    @Test("half a pair, and authorities alone, are refused, not served as plain TCP")
    func half() {
        #expect(problems(TLSFiles(certificate: "/nowhere")).first?.hasPrefix("tls.private-key-file is required") == true)
        #expect(problems(TLSFiles(key: "/nowhere")).first?.hasPrefix("tls.certificate-file is required") == true)
        #expect(problems(TLSFiles(clientAuthorities: "/nowhere")).count == 3)
    }

    @Test("files that are not there, or no files, are told by setting, without their paths")
    func unreadable() {
        let problems = problems(TLSFiles(certificate: "/nowhere", key: "/dev", clientAuthorities: "/dev/zero"))
        #expect(
            problems.map { String($0.prefix { $0 != ":" }) } == [
                "tls.certificate-file", "tls.private-key-file", "tls.client-ca-file",
            ])
        #expect(!problems.contains { $0.contains("/") })
    }
}
