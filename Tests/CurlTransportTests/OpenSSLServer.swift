private import Glibc
import Testing

/// A certificate for `localhost` that is its own authority, made by the `openssl` program in a directory of its own.
final class TestCertificate: Sendable {
    let directory: String
    var certificateFile: String { directory + "/certificate.pem" }
    var keyFile: String { directory + "/key.pem" }

    init() throws {
        var template = Array("/tmp/doorman-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw ProgramFailure(program: "mkdtemp") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let program = try Program([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", directory + "/key.pem",
            "-out", directory + "/certificate.pem",
        ])
        _ = program.readAll()
        guard program.waitForEnd() == 0 else { throw ProgramFailure(program: "openssl req") }
    }

    deinit {
        for file in [certificateFile, keyFile] { unsafe unlink(file) }
        unsafe rmdir(directory)
    }
}

/// `openssl s_server -www` on a port of its own: TLS as somebody else speaks it. It answers every request with a page.
final class OpenSSLServer: Sendable {
    let port: Int
    private let program: Program

    init(_ certificate: TestCertificate, options: [String] = []) throws {
        program = try Program(
            [
                "openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", certificate.certificateFile,
                "-key", certificate.keyFile,
            ] + options)
        // It says where it listens: "ACCEPT 127.0.0.1:41003".
        var output = ""
        while !output.contains("ACCEPT") || !output.hasSuffix("\n") {
            let more = program.output.read()
            guard !more.isEmpty else { throw ProgramFailure(program: "openssl s_server") }
            output += String(decoding: more, as: UTF8.self)
        }
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("ACCEPT") })
        port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
    }

    func stop() {
        program.kill()
        _ = program.waitForEnd()
    }
}
