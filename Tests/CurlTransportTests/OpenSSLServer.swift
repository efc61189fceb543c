import TestKit
import Testing

/// `openssl s_server -www`: an independent TLS implementation, which responds to every request with a page.
struct OpenSSLServer {
    let port: Int
    private let program: ChildProcess

    init(_ certificate: TestCertificate, options: [String] = []) async throws {
        let program = try ChildProcess(
            "openssl",
            [
                "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", certificate.certificateFile, "-key", certificate.keyFile,
            ] + options)
        // It prints its address: "ACCEPT 127.0.0.1:41003".
        var line: Substring?
        try await eventually("openssl prints its address") {
            line = program.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().first {
                $0.hasPrefix("ACCEPT")
            }
            return line != nil || !program.isRunning
        }
        port = try #require(line?.split(separator: ":").last.flatMap { Int($0) }, "\(program.errorOutput)")
        self.program = program
    }

    func stop() {
        program.terminate()
    }
}
