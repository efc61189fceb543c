import Foundation
import TestKit
import Testing

/// Wrong paths in settings and arguments: the programs write and remove nothing but files of their own.
@Suite("Files that the programs write", .serialized)
struct WrittenFileTests {
    private static let doormand = [
        "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123", "--server-address", "127.0.0.1:0",
    ]

    private func text(_ file: URL) -> String? { try? String(contentsOf: file, encoding: .utf8) }

    @Test("a port file that names a directory ends the start, and the tree stays", arguments: [["--check-config"], []])
    func directory(flags: [String]) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("tree/file")
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try "precious".write(to: file, atomically: false, encoding: .utf8)
            let run = try ChildProcess.ours(
                "doormand", Self.doormand + flags + ["--server-port-file", file.deletingLastPathComponent().path])
            #expect(try await run.ending() == 78, "\(run.allOutput)")
            #expect(run.allOutput.contains("server.port-file: the path must be free or a file with a port number"))
            #expect(text(file) == "precious")
        }
    }

    @Test(
        "a port file that names a key or other text ends the start, and the file stays",
        arguments: ["-----BEGIN KEY-----\n", "", "12 \n"])
    func otherText(text before: String) async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("key")
            try before.write(to: file, atomically: false, encoding: .utf8)
            for flags in [["--check-config"], []] {
                let run = try ChildProcess.ours("doormand", Self.doormand + flags + ["--server-port-file", file.path])
                #expect(try await run.ending() == 78)
                #expect(run.allOutput.contains("server.port-file: the file holds something else than a port number"))
            }
            #expect(text(file) == before)
        }
    }

    @Test("a start that fails leaves the port file of a running server alone")
    func failedStart() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("port")
            let arguments = [
                "--account-kit-url", "http://127.0.0.1:1", "--account-kit-application-id", "123", "--server-port-file",
                file.path, "--server-address",
            ]
            let running = try ChildProcess.ours("doormand", arguments + ["127.0.0.1:0"])
            let port = try await running.port(from: file)
            let failing = try ChildProcess.ours("doormand", arguments + ["127.0.0.1:\(port)"])
            #expect(try await failing.ending() == 1)
            #expect(text(file) == "\(port)\n")
            // A successor replaces the file, and the first server leaves it to the successor.
            let successor = try ChildProcess.ours("doormand", arguments + ["127.0.0.1:0"])
            try await eventually("another port", within: .seconds(60)) { text(file) != "\(port)\n" }
            running.terminate()
            #expect(try await running.ending() == 0)
            #expect(text(file) != nil)
            successor.terminate()
            #expect(try await successor.ending() == 0)
            #expect(text(file) == nil)
        }
    }

    @Test("the emulator keeps other files, and files of a running emulator", arguments: ["--port-file", "--write-app-secret"])
    func emulator(option: String) async throws {
        try await withTemporaryFolder { folder in
            let (portFile, secretFile) = (folder.appendingPathComponent("port"), folder.appendingPathComponent("app-secret"))
            let key = folder.appendingPathComponent("key")
            try "-----BEGIN KEY-----\n".write(to: key, atomically: false, encoding: .utf8)
            for path in [key.path, folder.path] {
                let run = try ChildProcess.ours("account-kit-emulator", ["--port", "0", option, path])
                #expect(try await run.ending() == 1)
                #expect(run.allOutput.contains("cannot write \(path): the "))
            }
            #expect(text(key) == "-----BEGIN KEY-----\n")
            let arguments = ["--port-file", portFile.path, "--write-app-secret", secretFile.path, "--port"]
            let running = try ChildProcess.ours("account-kit-emulator", arguments + ["0"])
            let port = try await running.port(from: portFile)
            let secret = try FileManager.default.attributesOfItem(atPath: secretFile.path)[.systemFileNumber] as? Int
            let failing = try ChildProcess.ours("account-kit-emulator", arguments + ["\(port)"])
            #expect(try await failing.ending() == 1)
            #expect(text(portFile) == "\(port)\n")
            #expect(try FileManager.default.attributesOfItem(atPath: secretFile.path)[.systemFileNumber] as? Int == secret)
            running.terminate()
            #expect(try await running.ending() == 0)
            #expect(text(portFile) == nil)
        }
    }

    @Test("a plot of the CLI replaces no file but a plot")
    func plot() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder.appendingPathComponent("tokens")
            try "EMAWtoken\n".write(to: tokens, atomically: false, encoding: .utf8)
            let run = try ChildProcess.ours("doorman", ["bench", "--token-file", tokens.path, "--plot", tokens.path])
            #expect(try await run.ending() == 2)
            #expect(run.allOutput.contains("the file holds something else than a plot"), "\(run.allOutput)")
            #expect(text(tokens) == "EMAWtoken\n")
        }
    }

    @Test("a socket path that names another file ends the start, and the file stays")
    func socket() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("key")
            try "precious".write(to: file, atomically: false, encoding: .utf8)
            for path in [file.path, folder.path] {
                for flags in [["--check-config"], []] {
                    let run = try ChildProcess.ours("doormand", Self.doormand + flags + ["--server-unix-socket", path])
                    #expect(try await run.ending() == 78)
                    #expect(run.allOutput.contains("server.unix-socket: the path must be free or a socket"))
                }
            }
            #expect(text(file) == "precious")
        }
    }
}
