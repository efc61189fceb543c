import DoormanFleet
import Foundation
import RedisStore
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Settings of a fleet")
struct FleetSettingsTests {
    private static let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    /// Returns the fleet of these flags, or the problems. `FOLDER` stands for a folder with the files `secret` and `password`.
    private func fleet(_ flags: [String], secret: String = secret) throws -> Result<ConfiguredFleet?, ConfigurationError> {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("doorman-fleet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in [("secret", secret), ("password", "letmein"), ("ca.pem", "no certificate")] {
            try (text + "\n").write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        let arguments = flags.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) }
        do throws(ConfigurationError) {
            return .success(try SettingsLoader(arguments: arguments, environment: [:], file: nil).load().settings.configuredFleet())
        } catch {
            let problems = error.problems.map { $0.replacingOccurrences(of: folder.path, with: "FOLDER") }
            return .failure(ConfigurationError(problems: problems))
        }
    }

    private func problems(_ flags: [String], secret: String = secret) throws -> [String] {
        switch try fleet(flags, secret: secret) {
        case .success: []
        case .failure(let error): error.problems
        }
    }

    private static let required = ["--fleet-store", "rediss://store.example:6379", "--fleet-secret-file", "FOLDER/secret"]

    @Test("without a store there is no fleet")
    func none() throws {
        #expect(try fleet([]).get() == nil)
        #expect(DoormandSettings().fleet.problems == [])
    }

    @Test("a store and a secret are enough")
    func smallest() throws {
        let fleet = try #require(try fleet(Self.required).get())
        #expect(fleet.store.usesTLS)
        #expect(fleet.store.addresses.map(\.description) == ["store.example:6379"])
        #expect(fleet.store.commandTimeout == .milliseconds(20))
        #expect(fleet.settings.revocationBound == .seconds(68))
        #expect(fleet.settings.acknowledgement == .log)
        #expect(fleet.credentials.user == nil && fleet.credentials.password == nil && fleet.credentials.authorities == nil)
    }

    @Test("every setting reaches the fleet")
    func all() throws {
        let flags =
            [
                "--fleet-store", "rediss://b:26379,rediss://c:26379", "--fleet-secret-file", "FOLDER/secret",
                "--fleet-sentinel-primary", "doorman", "--fleet-tag", "eu-1",
                "--fleet-revocation-bound", "2s", "--fleet-acknowledge", "fleet", "--fleet-user", "doorman",
                "--fleet-password-file", "FOLDER/password", "--fleet-command-timeout", "50ms",
            ]
        let fleet = try #require(try fleet(flags).get())
        #expect(fleet.store.sentinelPrimary == "doorman")
        #expect(fleet.tag == "eu-1")
        #expect(fleet.settings.revocationBound == .seconds(2))
        #expect(fleet.settings.acknowledgement == .fleet)
        #expect(fleet.credentials.user == "doorman" && fleet.credentials.password == Array("letmein".utf8))
        #expect(fleet.store.commandTimeout == .milliseconds(50))
    }

    @Test(
        "a contradiction is an error",
        arguments: [
            (
                ["--fleet-secret-file", "FOLDER/secret"],
                "fleet.secret-file is set, but fleet.store is empty: set the fleet's store, or remove the setting"
            ),
            (["--fleet-store", "rediss://a"], "fleet.secret-file is required if fleet.store is set"),
            (required + ["--fleet-tag", "EU"], "fleet.tag must be 1 to 32 lowercase letters, digits and hyphens"),
            (required + ["--fleet-user", "doorman"], "fleet.user needs fleet.password-file, which is missing"),
            (
                ["--fleet-store", "rediss://a,rediss://b", "--fleet-secret-file", "FOLDER/secret"],
                "fleet.store has several addresses, which are those of Sentinels: set fleet.sentinel-primary"
            ),
            (
                [
                    "--fleet-store", "rediss://a,redis://127.0.0.1", "--fleet-secret-file", "FOLDER/secret",
                    "--fleet-sentinel-primary", "p",
                ],
                "fleet.store: either all addresses begin with rediss://, or all with redis://"
            ),
            (
                ["--fleet-store", "redis://127.0.0.1", "--fleet-secret-file", "FOLDER/secret", "--fleet-ca-file", "FOLDER/ca.pem"],
                "fleet.ca-file needs TLS: fleet.store must begin with rediss://"
            ),
            (
                ["--fleet-store", "redis://store.example", "--fleet-secret-file", "FOLDER/secret"],
                "fleet.store: redis:// beyond loopback would show the store's password to the network: use rediss://, or set "
                    + "fleet.allow-plaintext"
            ),
            (
                required + ["--fleet-ca-file", "FOLDER/ca.pem"],
                "fleet.ca-file: contains no PEM certificate, or one that can't be parsed (FOLDER/ca.pem)"
            ),
        ])
    func contradictions(flags: [String], problem: String) throws {
        let problems = try problems(flags)
        #expect(problems.contains(problem), "\(problems)")
    }

    @Test("a secret file with anything but secrets is an error that does not repeat it")
    func badSecret() throws {
        #expect(
            try problems(Self.required, secret: "planted")
                == ["fleet.secret-file: the file has 7 bytes in line 1, and needs 64 hexadecimal digits (FOLDER/secret)"])
    }

    @Test(
        "an address that can't be used is an error that does not repeat it",
        arguments: [
            ("http://store", "it must begin"), ("rediss://user:planted@store", "must not hold a user or a password"),
        ])
    func badAddress(url: String, expectation: String) throws {
        let problems = try problems(["--fleet-store", url])
        #expect(problems.count == 1 && problems[0].contains("fleet.store") && !problems[0].contains("planted"), "\(problems)")
    }

    @Test("the bound is from two seconds to an hour, and follows from the TTL by default")
    func bound() throws {
        for text in ["1s", "61m", "0s", "soon"] {
            #expect(try problems(Self.required + ["--fleet-revocation-bound", text]).count == 1)
        }
        for (ttl, bound) in [("10s", Duration.seconds(13)), ("0s", .seconds(2)), ("24h", .seconds(3600))] {
            let fleet = try fleet(Self.required + ["--cache-ttl", ttl]).get()
            #expect(fleet?.settings.revocationBound == bound)
        }
    }

    @Test("plaintext on a network needs a setting, which gets a warning")
    func plaintext() throws {
        let flags = [
            "--fleet-store", "redis://store.example", "--fleet-secret-file", "FOLDER/secret", "--fleet-allow-plaintext", "true",
        ]
        #expect(try problems(flags) == [])
        let settings = try SettingsLoader(arguments: flags, environment: [:], file: nil).load().settings
        #expect(settings.warnings(applications: 1).map(\.values) == [["fleet.store": "redis://store.example:6379"]])
        for address in ["redis://127.0.0.1", "redis://[::1]:7000", "redis://localhost"] {
            #expect(try problems(["--fleet-store", address, "--fleet-secret-file", "FOLDER/secret"]) == [])
        }
    }
}
