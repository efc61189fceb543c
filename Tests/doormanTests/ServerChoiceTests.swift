import ArgumentParser
import DoormanClient
import TestKit
import Testing

@testable import doorman

@Suite("which server is asked")
struct ServerChoiceTests {
    private func choice(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> ServerChoice {
        try ServerOptions.parse(arguments).choice(CLIEnvironment { environment[$0] })
    }

    private func complaint(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> String {
        try #require(throws: ValidationError.self) { try choice(arguments, environment) }.message
    }

    @Test("without a word it is this machine's, in plain TCP")
    func defaults() throws {
        #expect(try choice() == ServerChoice(targets: [.hostAndPort("127.0.0.1", 7117)], tls: nil, timeout: nil))
    }

    @Test("it is the option's, or else the environment's, where empty is not set")
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
        "TLS is spoken if that is said, or if anything of it is given; the last word is an option's",
        arguments: [
            (["--tls"], [:], true), ([], ["DOORMAN_TLS": "true"], true), ([], ["DOORMAN_TLS": "1"], true),
            ([], ["DOORMAN_TLS": "false"], false), (["--server-name", "a"], [:], true), ([], ["DOORMAN_SERVER_NAME": "a"], true),
            ([], ["DOORMAN_SERVER_NAME": "a", "DOORMAN_TLS": "0"], false),
            (["--no-tls"], ["DOORMAN_SERVER_NAME": "a", "DOORMAN_TLS": "true"], false),
            (["--tls"], ["DOORMAN_TLS": "false"], true), (["--server-name", "a"], ["DOORMAN_TLS": "false"], true),
        ] as [([String], [String: String], Bool)])
    func tls(arguments: [String], environment: [String: String], isSpoken: Bool) throws {
        #expect((try choice(arguments, environment).tls != nil) == isSpoken)
    }

    @Test("files of TLS are looked at, and go where they belong")
    func files() async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf()
        let tls = try choice(
            ["--ca-file", authority.certificateFile],
            ["DOORMAN_CERTIFICATE_FILE": leaf.certificateFile, "DOORMAN_PRIVATE_KEY_FILE": leaf.keyFile]
        ).tls
        #expect(tls?.trust == .file(path: authority.certificateFile) && tls?.serverName == nil)
        #expect(tls?.keyPair == .init(certificateFile: leaf.certificateFile, privateKeyFile: leaf.keyFile))
        #expect(try complaint(["--ca-file", leaf.keyFile]).hasSuffix("holds no certificate in PEM form"))
        let swapped = ["--certificate-file", leaf.certificateFile, "--private-key-file", leaf.certificateFile]
        #expect(try complaint(swapped).hasSuffix("holds no private key in PEM form"))
    }

    @Test(
        "a complaint names the option or the variable that is wrong",
        arguments: [
            (["--address", "nowhere"], [:], "--address: "), ([], ["DOORMAN_ADDRESS": "a:1,"], "DOORMAN_ADDRESS: "),
            ([], ["DOORMAN_TIMEOUT": "2"], "DOORMAN_TIMEOUT must"), ([], ["DOORMAN_TLS": "yes"], "DOORMAN_TLS must"),
            (["--ca-file", "/nonexistent/ca.pem"], [:], "--ca-file: '/nonexistent/ca.pem' can't be read"),
            ([], ["DOORMAN_CA_FILE": "/nonexistent/ca.pem"], "DOORMAN_CA_FILE: '/nonexistent/ca.pem' can't be read"),
            ([], ["DOORMAN_CA_FILE": #filePath], "DOORMAN_CA_FILE: "),
            (["--certificate-file", "a"], [:], "--certificate-file is of no use without --private-key-file"),
            ([], ["DOORMAN_PRIVATE_KEY_FILE": "a"], "DOORMAN_PRIVATE_KEY_FILE is of no use without --certificate-file"),
            (["--server-name", "10.0.0.1"], [:], "--server-name must"),
            ([], ["DOORMAN_SERVER_NAME": "::1"], "DOORMAN_SERVER_NAME must"),
            (["--no-tls", "--ca-file", "a"], [:], "give --no-tls or"),
        ] as [([String], [String: String], String)])
    func complaints(arguments: [String], environment: [String: String], complaint: String) throws {
        #expect(try self.complaint(arguments, environment).hasPrefix(complaint))
    }

    @Test("an encrypted key is called so")
    func encrypted() {
        #expect(PEMFile.fault(in: "-----BEGIN ENCRYPTED PRIVATE KEY-----", as: .privateKey)?.contains("encrypted") == true)
        #expect(PEMFile.fault(in: "-----BEGIN EC PRIVATE KEY-----", as: .privateKey) == nil)
    }
}
