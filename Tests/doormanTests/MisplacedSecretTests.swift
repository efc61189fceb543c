import TestKit
import Testing

/// Secrets in the place of each other value of the command line and of the environment.
@Suite("Misplaced secrets", .timeLimit(.minutes(5)))
struct MisplacedSecretTests {
    /// Each holds the text that no output may contain.
    private static let secrets = [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.PLANTED_-x", "glpat-PLANTEDab1234567890c", "PLANTED~tok.en1234567890abc",
        "short-PLANTED",
        "y'PLANTED", "y' PLANTED 'z", "sub/PLANTED", "<PLANTED>", "PLANTED|1",
    ]
    private static let unreachable = ["--address", "127.0.0.1:1", "--timeout", "200ms"]

    private func expectNoSecret(
        _ arguments: [String], _ environment: [String: String] = [:], status: Set<Int32> = [2]
    ) async throws {
        for more in [[], ["--json"]] {
            let ending = try await Program.run(arguments + more, input: "EMAWx\n", environment: environment)
            #expect(status.contains(ending.status), "\(arguments) \(environment) \(ending)")
            #expect(!(ending.output + ending.error).contains("PLANTED"), "\(arguments) \(environment) \(ending)")
        }
    }

    @Test("in the place of a file are not repeated", arguments: secrets)
    func files(secret: String) async throws {
        for command in [
            ["verify", "--token-file"], ["exchange", "--code-file"], ["revoke", "--yes", "--token-file"],
            ["bench", "--token-file"],
        ] {
            try await expectNoSecret(command + [secret] + Self.unreachable)
        }
        for option in ["--ca-file", "--cacert"] { try await expectNoSecret(["health", option, secret] + Self.unreachable) }
        for pair in [["--certificate-file", "--private-key-file"], ["--cert", "--key"]] {
            try await expectNoSecret(["health", pair[0], secret] + Self.unreachable)
            try await expectNoSecret(["health", pair[1], secret] + Self.unreachable)
            try await expectNoSecret(["health", pair[0], secret, pair[1], secret] + Self.unreachable)
        }
        try await expectNoSecret(["dev", "--seed", secret])
        try await expectNoSecret(["bench", "--token-file", "-", "--plot", "nowhere/\(secret)"] + Self.unreachable)
    }

    @Test("in the place of a variable are not repeated", arguments: secrets)
    func variables(secret: String) async throws {
        for names in [
            ["DOORMAN_CA_FILE"], ["DOORMAN_CERTIFICATE_FILE"], ["DOORMAN_PRIVATE_KEY_FILE"], ["DOORMAN_TIMEOUT"], ["DOORMAN_TLS"],
            ["DOORMAN_CERTIFICATE_FILE", "DOORMAN_PRIVATE_KEY_FILE"],
        ] {
            let environment = Dictionary(uniqueKeysWithValues: names.map { ($0, secret) })
            try await expectNoSecret(["health", "--address", "127.0.0.1:1"], environment)
        }
        try await expectNoSecret(["dev", "login", "--phone", "+15551234567"], ["DOORMAN_EMULATOR": secret])
    }

    @Test("in the place of a number, a duration or a command are not repeated", arguments: secrets)
    func values(secret: String) async throws {
        for command in [
            ["verify", "a", "--timeout"], ["verify", "a", "--max-age"], ["bench", "--token-file", "-", "--depth"],
            ["bench", "--token-file", "-", "--rate"], ["accounts", "list", "--limit"], ["revoke", "--yes", "--account"],
            ["accounts", "delete", "--yes"], ["health", "--wait", "1s"], ["verify", "a"], ["stats", "--watch"], ["completion"], [],
            ["accounts"], ["dev"], ["help"], ["dev", "login", "--emulator"],
        ] { try await expectNoSecret(command + [secret]) }
        for option in ["--json=", "--tokn=", "--", "-", "-k"] {
            // A group of letters may ask for the help.
            try await expectNoSecret(["verify", "a", option + secret], status: [0, 2])
        }
    }

    @Test(
        "that can be a host are not looked up",
        arguments: [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.PLANTED", "550e8400-e29b-41d4-a716-446655440000", "glpat-PLANTEDab1234567890c",
            "EMAWverysecrettokenofauser", "0123456789abcdef0123456789abcdef", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "xoxb-123456789012-AbCdEfGhIjKlMnOpQrStUvWx",
        ])
    func hosts(secret: String) async throws {
        for address in [secret, secret + ":7117", "localhost," + secret] {
            for (arguments, environment) in [(["--address", address], [:]), ([], ["DOORMAN_ADDRESS": address])] {
                let ending = try await Program.run(["health", "--verbose"] + arguments, environment: environment)
                #expect(ending.status == 2 && ending.error.contains("looks like a token"), "\(ending)")
                #expect(!ending.error.contains(secret))
            }
        }
        let name = try await Program.run(["health", "--verbose", "--address", "127.0.0.1:1", "--server-name", secret])
        #expect(name.status == 2 && !name.error.contains(secret), "\(name)")
    }
}
