import ArgumentParser
import DoormanClient
import TestKit
import Testing

@testable import doorman

@Suite("Choice of the server")
struct ServerChoiceTests {
    private func choice(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> ServerChoice {
        try ServerOptions.parse(arguments).choice(CLIEnvironment { environment[$0] })
    }

    private func message(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> String {
        try #require(throws: ValidationError.self) { try choice(arguments, environment) }.message
    }

    @Test("by default the server is on this machine, without TLS")
    func defaults() throws {
        #expect(try choice() == ServerChoice(targets: [.hostAndPort("127.0.0.1", 7117)], tls: nil, timeout: nil))
    }

    @Test("curl's names of the TLS files are further names of ours")
    func curlNames() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf()
        let tls = try choice([
            "--cacert", authority.certificateFile, "--cert", leaf.certificateFile, "--key", leaf.keyFile, "-a", "doorman.internal",
        ])
        #expect(tls.tls?.trust == .file(path: authority.certificateFile))
        #expect(tls.tls?.keyPair == .init(certificateFile: leaf.certificateFile, privateKeyFile: leaf.keyFile))
        #expect(tls.targets == [.hostAndPort("doorman.internal", 7117)])
    }

    @Test("options override variables that are not empty")
    func precedence() throws {
        let environment = ["DOORMAN_ADDRESS": "a:1,b:2", "DOORMAN_TIMEOUT": "3s", "DOORMAN_SERVER_NAME": "doorman.internal"]
        let fromEnvironment = try choice([], environment)
        #expect(fromEnvironment.targets == [.hostAndPort("a", 1), .hostAndPort("b", 2)])
        #expect(fromEnvironment.timeout == .seconds(3) && fromEnvironment.tls?.serverName == "doorman.internal")
        let options = ["--address", "unix:/c", "--timeout", "4s", "--server-name", "other"]
        let fromOptions = try choice(options, environment)
        #expect(fromOptions.targets == [.unixSocket(path: "/c")])
        #expect(fromOptions.timeout == .seconds(4) && fromOptions.tls?.serverName == "other")
        #expect(try choice([], environment.mapValues { _ in "" }) == choice())
    }

    @Test(
        "TLS is used if an option or variable requests it or sets a part of it",
        arguments: [
            (["--tls"], [:], true), ([], ["DOORMAN_TLS": "true"], true), ([], ["DOORMAN_TLS": "1"], true),
            ([], ["DOORMAN_TLS": "false"], false), (["--server-name", "a"], [:], true), ([], ["DOORMAN_SERVER_NAME": "a"], true),
            ([], ["DOORMAN_SERVER_NAME": "a", "DOORMAN_TLS": "0"], false),
            (["--no-tls"], ["DOORMAN_SERVER_NAME": "a", "DOORMAN_TLS": "true"], false),
            (["--tls"], ["DOORMAN_TLS": "false"], true), (["--server-name", "a"], ["DOORMAN_TLS": "false"], true),
        ] as [([String], [String: String], Bool)])
    func tls(arguments: [String], environment: [String: String], isUsed: Bool) throws {
        #expect((try choice(arguments, environment).tls != nil) == isUsed)
    }

    @Test("TLS files are checked before the client connects")
    func files() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf()
        let tls = try choice(
            ["--ca-file", authority.certificateFile],
            ["DOORMAN_CERTIFICATE_FILE": leaf.certificateFile, "DOORMAN_PRIVATE_KEY_FILE": leaf.keyFile]
        ).tls
        #expect(tls?.trust == .file(path: authority.certificateFile) && tls?.serverName == nil)
        #expect(tls?.keyPair == .init(certificateFile: leaf.certificateFile, privateKeyFile: leaf.keyFile))
        #expect(try message(["--ca-file", leaf.keyFile]).hasSuffix("holds no PEM certificate"))
        let swapped = ["--certificate-file", leaf.certificateFile, "--private-key-file", leaf.certificateFile]
        #expect(try message(swapped).hasSuffix("holds no PEM private key"))
        let other = try await authority.leaf()
        let mixed = ["--cert", leaf.certificateFile, "--key", other.keyFile]
        #expect(try message(mixed).hasSuffix("is not the key of the certificate in \(leaf.certificateFile)"))
    }

    @Test(
        "an error names the invalid option or variable",
        arguments: [
            (["--address", "nowhere:"], [:], "--address: "), ([], ["DOORMAN_ADDRESS": "a:1,"], "DOORMAN_ADDRESS: "),
            ([], ["DOORMAN_TIMEOUT": "2"], "DOORMAN_TIMEOUT must"), ([], ["DOORMAN_TLS": "yes"], "DOORMAN_TLS must"),
            (["--ca-file", "/nonexistent/ca.pem"], [:], "--ca-file: cannot read '/nonexistent/ca.pem': no such file or directory"),
            ([], ["DOORMAN_CA_FILE": "/nonexistent/ca.pem"], "DOORMAN_CA_FILE: cannot read '/nonexistent/ca.pem': no such file"),
            ([], ["DOORMAN_CA_FILE": #filePath], "DOORMAN_CA_FILE: "),
            (["--certificate-file", "a"], [:], "--certificate-file needs --private-key-file or DOORMAN_PRIVATE_KEY_FILE"),
            ([], ["DOORMAN_PRIVATE_KEY_FILE": "a"], "DOORMAN_PRIVATE_KEY_FILE needs --certificate-file or"),
            (["--server-name", "10.0.0.1"], [:], "--server-name must"),
            ([], ["DOORMAN_SERVER_NAME": "::1"], "DOORMAN_SERVER_NAME must"),
            (["--no-tls", "--ca-file", "a"], [:], "--no-tls cannot be combined with"),
        ] as [([String], [String: String], String)])
    func messages(arguments: [String], environment: [String: String], message: String) throws {
        #expect(try self.message(arguments, environment).hasPrefix(message))
    }

    @Test("the error of an encrypted key says that it is encrypted")
    func encrypted() {
        #expect(PEMFile.problem(in: "-----BEGIN ENCRYPTED PRIVATE KEY-----", as: .privateKey)?.contains("encrypted") == true)
        #expect(PEMFile.problem(in: "-----BEGIN EC PRIVATE KEY-----", as: .privateKey) == nil)
    }
}
