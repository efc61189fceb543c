import AccountKitEmulator
import Foundation

/// A certificate for `localhost` that `openssl` made just now, in a folder of its own.
struct Certificate {
    let folder: URL

    var files: EmulatorSettings.TLSFiles {
        .init(certificate: folder.appending(path: "certificate.pem").path, privateKey: folder.appending(path: "key.pem").path)
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "emulator-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", files.privateKey, "-out", files.certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        guard openssl.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    func remove() throws {
        try FileManager.default.removeItem(at: folder)
    }
}
