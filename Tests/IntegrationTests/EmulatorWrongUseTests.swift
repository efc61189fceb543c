import AccountKitEmulator
import Foundation
import TestKit
import Testing

@Suite("Wrong use of account-kit-emulator", .timeLimit(.minutes(2)))
struct EmulatorWrongUseTests {
    @Test(
        "has an exit code and one line that says what is wrong",
        arguments: [
            (["--port", "x"], 64, "the value … is invalid for --port <port>"),
            (["--port", "70000"], 64, "--port must be from 0 to 65535"),
            (["--port", "-1"], 64, "missing value for --port <port>"),
            (["--port"], 64, "missing value for --port <port>"),
            (["-p", "1"], 64, "unknown option -p"),
            (["--prt", "1"], 64, "unknown option --prt. Did you mean --port?"),
            (["start"], 64, "unexpected argument …"),
            (["127.0.0.1:7118"], 64, "unexpected argument …"),
            (["--address", "127.0.0.1:7118"], 64, "unknown option --address"),
            (["--config", "x"], 64, "unknown option --config"),
            (["--verbose"], 64, "unknown option --verbose"),
            (["--host"], 64, "missing value for --host <host>"),
            (["--host", "0.0.0.0"], 1, "cannot listen on '0.0.0.0' port 0: 0.0.0.0: other machines reach this address"),
            (["--host", "nowhere.invalid"], 1, "cannot listen on 'nowhere.invalid' port 0: the host has no address"),
            (
                ["--host", "192.0.2.1", "--allow-any-address"], 1,
                "cannot listen on '192.0.2.1' port 0: cannot assign requested address: give another"
            ),
            (["--certificate-file", "a"], 64, "--certificate-file and --private-key-file must be set together"),
            (["--private-key-file", "a"], 64, "--certificate-file and --private-key-file must be set together"),
            (
                ["--certificate-file", "/nonexistent", "--private-key-file", "/nonexistent"], 1,
                "cannot listen on '127.0.0.1' port 0: /nonexistent: can't be read as a PEM file"
            ),
            (
                ["--certificate-file", "/etc/passwd", "--private-key-file", "/etc/passwd"], 1,
                "cannot listen on '127.0.0.1' port 0: /etc/passwd: can't be read as a PEM file"
            ),
            (["--seed"], 64, "missing value for --seed <file>"),
            (["--seed", "/nonexistent.json"], 1, "/nonexistent.json: can't be read: no such file or directory"),
            (["--seed", "/tmp"], 1, "/tmp: can't be read: it is not a regular file"),
            (["--seed", "/etc/passwd"], 1, "/etc/passwd: is not JSON"),
            (
                ["--write-app-secret", "/nonexistent/secret"], 1,
                "cannot write /nonexistent/secret: cannot write into the file's folder"
            ),
            (
                ["--write-app-secret", "/etc/passwd"], 1,
                "cannot write /etc/passwd: the file holds something else than an app secret"
            ),
            (["--port-file", "/nonexistent/port"], 1, "cannot write /nonexistent/port: cannot write into the file's folder"),
            (["--port-file", "/etc/passwd"], 1, "cannot write /etc/passwd: the file holds something else than a port number"),
            (["--fault-seed", "x"], 64, "the value … is invalid for --fault-seed <number>"),
            (["--fault-seed", "-1"], 64, "missing value for --fault-seed <number>"),
            (["--issuer", "login.example.org"], 64, "--issuer must be an http or https URL without a query, user or password"),
            (["--keys-max-age", "86401"], 64, "--keys-max-age must be from 0 to 86400"),
            (["--max-connections", "0"], 64, "--max-connections must be from 1 to 1000000"),
            (["--idle-timeout", "0"], 64, "--idle-timeout must be from 1 to 86400"),
            (["--idle-timeout", "60s"], 64, "the value … is invalid for --idle-timeout <seconds>"),
            (["--log-level", "loud"], 64, "--log-level must be trace, debug, info, notice, warning, error or critical"),
        ] as [([String], Int32, String)])
    func table(arguments: [String], status: Int32, message: String) async throws {
        // A port that is free, unless the arguments name one.
        let port = arguments.first == "--port" ? [] : ["--port", "0"]
        let emulator = try ChildProcess.ours("account-kit-emulator", port + arguments)
        #expect(try await emulator.ending() == status, "\(emulator.allOutput)")
        #expect(emulator.output.isEmpty)
        let error = emulator.errorOutput
        #expect(error.hasPrefix("account-kit-emulator: \(message)") && error.filter { $0 == "\n" }.count == 1, "\(error)")
        #expect(error.hasSuffix("See 'account-kit-emulator --help'.\n") == (status == 64), "\(error)")
    }

    @Test(
        "no message repeats a secret in the wrong place",
        arguments: [
            "--host", "--port", "--port-file", "--certificate-file", "--private-key-file", "--seed", "--issuer", "--keys-max-age",
            "--write-app-secret", "--fault-seed", "--max-connections", "--idle-timeout", "--log-level", "--allow-any-address", "",
        ])
    func misplacedSecrets(option: String) async throws {
        let secrets = [
            "eyJhbGciOiJIUzI1NiJ9.eyJQTEFOVEVEIjox.PLANTED", "redis://u:PLANTED@127.0.0.1:1", "glpat-PLANTEDab1234567890c",
            "sub/PLANTED", "y'PLANTED", "-PLANTED", "<PLANTED>",
        ]
        // Any other text is the name of a new file.
        let isWritten = ["--port-file", "--write-app-secret"].contains(option)
        for secret in secrets where !isWritten || secret.contains("/") {
            let flag = option == "--allow-any-address" ? ["\(option)=\(secret)"] : [option, secret].filter { !$0.isEmpty }
            // Without the other file, a certificate or a key is wrong use before it is read.
            let pair = ["--certificate-file", "--private-key-file"].contains(option) ? Self.pair.filter { $0 != option } : []
            let other = pair.count == 1 ? [pair[0], "/nonexistent"] : []
            let port = option == "--port" ? [] : ["--port", "0"]
            let emulator = try ChildProcess.ours("account-kit-emulator", port + flag + other)
            #expect(try await emulator.ending() != 0, "\(option) \(secret)")
            #expect(!emulator.allOutput.contains("PLANTED"), "\(emulator.allOutput)")
        }
    }

    private static let pair = ["--certificate-file", "--private-key-file"]

    @Test("a key of a seed file that is unknown is shown as far as it can be a name")
    func seed() async throws {
        try await withTemporaryFolder { folder in
            let path = folder.appendingPathComponent("seed.json").path
            try #"{"apps": [], "secret:PLANTED": "x"}"#.write(toFile: path, atomically: false, encoding: .utf8)
            let emulator = try ChildProcess.ours("account-kit-emulator", ["--port", "0", "--seed", path])
            #expect(try await emulator.ending() == 1)
            #expect(emulator.errorOutput.contains("\(path): secret…: is not known"), "\(emulator.allOutput)")
            #expect(!emulator.allOutput.contains("PLANTED"))
        }
    }

    @Test("a port in use is a sentence")
    func portInUse() async throws {
        try await Stack.run { stack in
            let port = URLComponents(string: stack.emulator.baseURL)?.port ?? 0
            let emulator = try ChildProcess.ours("account-kit-emulator", ["--port", "\(port)"])
            #expect(try await emulator.ending() == 1)
            let expected =
                "account-kit-emulator: cannot listen on '127.0.0.1' port \(port): address already in use: give another --host or "
                + "--port; --port 0 takes a free port.\n"
            #expect(emulator.allOutput == expected)
        }
    }

    @Test("a key of another certificate is a sentence")
    func wrongKey() async throws {
        let authority = try await TestAuthority()
        let (first, second) = (try await authority.leaf(), try await authority.leaf())
        let emulator = try ChildProcess.ours(
            "account-kit-emulator",
            ["--port", "0", "--certificate-file", first.certificateFile, "--private-key-file", second.keyFile])
        #expect(try await emulator.ending() == 1)
        #expect(emulator.errorOutput.contains("is not the key of the certificate in"), "\(emulator.allOutput)")
    }

    @Test(
        "a full disk is a failure of each program",
        arguments: [
            ("account-kit-emulator", ["--help"]), ("account-kit-emulator", ["--version"]),
            ("account-kit-emulator", ["--port", "0"]), ("doormand", ["--help"]), ("doormand", ["--version"]),
            ("doormand", ["--print-config"]),
        ])
    func fullDisk(program: String, arguments: [String]) async throws {
        let run = try ChildProcess(
            "sh", ["-c", #""$0" "$@" >/dev/full"#, ChildProcess.built(program)] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
        #expect(try await run.ending() == 1, "\(run.allOutput)")
        #expect(run.errorOutput.hasPrefix("\(program): cannot write to standard output"), "\(run.allOutput)")
        #expect(run.errorOutput.filter { $0 == "\n" }.count == 1, "\(run.allOutput)")
    }
}
