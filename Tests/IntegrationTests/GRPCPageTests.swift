import Foundation
import TestKit
import Testing

/// The programs of `docs/how-to/grpc.md`.
@Suite("The page about clients of gRPC", .serialized, .timeLimit(.minutes(10)))
struct GRPCPageTests {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
    private static let page = root.appendingPathComponent("docs/how-to/grpc.md")

    static var hasStubGenerator: Bool {
        GRPCClient.installed.contains(.grpcio)
            && ["grpc_tools", "google/rpc"].allSatisfy { package in
                GRPCClient.pythonPackages.contains { FileManager.default.fileExists(atPath: $0 + "/" + package) }
            }
    }

    static var hasGo: Bool { GRPCClient.installed.contains(.go) }

    static var hasCPP: Bool { GRPCClient.installed.contains(.cpp) }

    static var hasJava: Bool { GRPCClient.installed.contains(.java) }

    /// Returns the text of the blocks after a note.
    private static func blocks(after note: String) throws -> String {
        var (text, previous, isInside, isWanted) = ("", "", false, false)
        for line in try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { isWanted = previous == note }
            } else if isInside, isWanted {
                text += line + "\n"
            }
            previous = line
        }
        try #require(!text.isEmpty, "\(note)")
        return text
    }

    private static func write(_ name: String, in folder: URL) throws {
        try blocks(after: "<!-- file: \(name) -->").write(
            to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    /// Runs the page's commands that need a tool, in a folder with a link to this repository.
    private static func runCommands(needing tool: String, in folder: URL) async throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.appendingPathComponent("doorman").path, withDestinationPath: root.path)
        let commands = try blocks(after: "<!-- not run: needs \(tool), so that GRPCPageTests runs it -->")
        let path = root.appendingPathComponent(".build/python/bin").path + ":/usr/bin:/bin"
        let shell = try ChildProcess(
            "bash", ["-c", "cd \"$0\"\nset -eu\n" + commands, folder.path],
            environment: ["PATH": path, "HOME": folder.path, "GOCACHE": root.appendingPathComponent(".build/go-cache").path])
        try #require(try await shell.ending(within: .seconds(400)) == 0, "\(shell.allOutput)")
        // The stubs of Python have a folder of this name.
        try FileManager.default.removeItem(at: folder.appendingPathComponent("doorman"))
    }

    /// Verifies tokens with the page's program.
    private static func check(_ command: [String]) async throws {
        try await DoormandGroup.run(1) { servers, _ in
            let token = try await servers.cachedToken()
            let account = try #require(servers.emulator.account(ofToken: token))
            for (token, status, output) in [
                (token, 0, "account \(account) of application \(Stack.ours.id)\n"),
                ("EMAWnobodys", 1, "rejected: TOKEN_REJECTED\n"),
            ] {
                let program = try ChildProcess(
                    command[0], Array(command.dropFirst()) + [servers.address(0)], input: token + "\n")
                #expect(Int(try await program.ending()) == status)
                #expect(program.allOutput == output)
            }
        }
    }

    @Test("the program in Python verifies tokens", .enabled(if: hasStubGenerator))
    func python() async throws {
        try await withTemporaryFolder { folder in
            // The repository's link has the name of the stubs' folder, so they are made beside each other.
            let stubs = folder.appendingPathComponent("stubs")
            try FileManager.default.createDirectory(at: stubs, withIntermediateDirectories: true)
            let commands = try Self.blocks(after: "<!-- not run: needs grpcio, so that GRPCPageTests runs it -->")
                .replacing("doorman/Protos", with: Self.root.appendingPathComponent("Protos").path)
            let shell = try ChildProcess(
                "bash", ["-c", "cd \"$0\"\nset -eu\n" + commands, stubs.path],
                environment: ["PATH": Self.root.appendingPathComponent(".build/python/bin").path + ":/usr/bin:/bin"])
            try #require(try await shell.ending(within: .seconds(60)) == 0, "\(shell.allOutput)")
            try Self.write("whoami.py", in: stubs)
            let python = Self.root.appendingPathComponent(".build/python/bin/python").path
            try await Self.check([python, stubs.appendingPathComponent("whoami.py").path])
        }
    }

    @Test("the program in Go verifies tokens", .enabled(if: hasGo))
    func go() async throws {
        try await withTemporaryFolder { folder in
            try Self.write("main.go", in: folder)
            try await Self.runCommands(needing: "Go", in: folder)
            try await Self.check([folder.appendingPathComponent("whoami").path])
        }
    }

    @Test("the program in C++ verifies tokens", .enabled(if: hasCPP))
    func cpp() async throws {
        try await withTemporaryFolder { folder in
            try Self.write("whoami.cpp", in: folder)
            try await Self.runCommands(needing: "C++", in: folder)
            try await Self.check([folder.appendingPathComponent("whoami").path])
        }
    }

    @Test("the program in Java verifies tokens", .enabled(if: hasJava))
    func java() async throws {
        try await withTemporaryFolder { folder in
            try Self.write("Whoami.java", in: folder)
            try await Self.runCommands(needing: "Java", in: folder)
            let classes = [folder.appendingPathComponent("classes").path] + GRPCClient.javaPackages
            try await Self.check(["/usr/bin/java", "-cp", classes.joined(separator: ":"), "Whoami"])
        }
    }
}
