import AccountKitEmulator
import Foundation
import TestKit

/// A certificate for `localhost` that `openssl` made just now, in a folder of its own.
struct Certificate {
    let folder: URL

    var files: EmulatorSettings.TLSFiles {
        .init(certificate: folder.appending(path: "certificate.pem").path, privateKey: folder.appending(path: "key.pem").path)
    }

    init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "emulator-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let openssl = try ChildProcess(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", files.privateKey, "-out", files.certificate,
            ])
        guard try await openssl.ending() == 0 else { throw NeverHappened(description: openssl.errorOutput) }
    }

    func remove() throws {
        try FileManager.default.removeItem(at: folder)
    }
}
