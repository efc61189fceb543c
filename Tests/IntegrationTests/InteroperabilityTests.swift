import DoormanServer
import DoormanSupport
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

/// Existing clients in other languages, and the stubs for them. `Scripts/setup --all` installs their tools; without the tools the tests
/// are skipped.
@Suite("Clients of other languages", .serialized)
struct InteroperabilityTests {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
    private static let protoc = "/usr/bin/protoc"

    static var hasProtoc: Bool { FileManager.default.isExecutableFile(atPath: protoc) }

    static var hasGoClient: Bool {
        let packages = "/usr/share/gocode/src/github.com/containerd/ttrpc/"
        return hasProtoc && FileManager.default.isExecutableFile(atPath: "/usr/bin/go")
            && ["client.go", "cmd/protoc-gen-gogottrpc/main.go"].allSatisfy {
                FileManager.default.fileExists(atPath: packages + $0)
            }
    }

    /// A code block of the page about other languages, with the comment on the line before it.
    private struct Block {
        var note: String
        var text = ""
    }

    private static func blocks() throws -> [Block] {
        let page = root.appendingPathComponent("docs/how-to/other-languages.md")
        var (blocks, previous, isInside) = ([Block](), "", false)
        for line in try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { blocks.append(Block(note: previous)) }
            } else if isInside {
                blocks[blocks.count - 1].text += line + "\n"
            }
            previous = line
        }
        return blocks
    }

    /// Runs the commands of the page that a note leaves to these tests, in a folder with the page's files and a link to this repository.
    private static func runPage(_ tool: String, in folder: URL) async throws {
        let repository = folder.appendingPathComponent("doorman").path
        try FileManager.default.createSymbolicLink(atPath: repository, withDestinationPath: root.path)
        let blocks = try blocks()
        let program = try #require(blocks.first { $0.note == "<!-- file: main.go -->" })
        try program.text.write(to: folder.appendingPathComponent("main.go"), atomically: true, encoding: .utf8)
        let commands = blocks.filter { $0.note == "<!-- not run: needs \(tool), so that InteroperabilityTests runs it -->" }
        try #require(!commands.isEmpty)
        try await run("set -eu\n" + commands.map(\.text).joined(), in: folder)
    }

    private static func run(_ script: String, in folder: URL) async throws {
        let shell = try ChildProcess(
            "bash", ["-c", "cd \"$0\"\n" + script, folder.path],
            environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "GOCACHE": folder.appendingPathComponent("cache").path])
        try #require(try await shell.ending(within: .seconds(240)) == 0, "\(shell.allOutput)")
    }

    @Test("containerd's ttrpc client for Go works with the stubs that the page makes", .enabled(if: hasGoClient))
    func goClient() async throws {
        try await withTemporaryFolder { folder in
            try await Self.runPage("Go", in: folder)
            let program = Self.root.appendingPathComponent("Tests/Interop/ttrpc-client.go").path
            try await Self.run(
                "GO111MODULE=off GOPATH=\"$PWD/go:/usr/share/gocode\" go build -o ttrpc-client '\(program)'", in: folder)
            let (client, whoAmI) = (
                folder.appendingPathComponent("ttrpc-client").path, folder.appendingPathComponent("whoami").path
            )

            let socket = folder.appendingPathComponent("doorman.sock").path
            try await Stack.run(settings: { $0.unixSocket = socket }) { stack in
                let token = try stack.emulator.logIn(phone: "+15551234567")
                let account = try await stack.client.verify(token).accountID
                for (token, status, output) in [
                    (token, 0, "account \(account) of application \(Stack.ours.id)\n"),
                    ("EMAWnobodys", 1, "rejected: TOKEN_REJECTED\n"),
                ] {
                    let page = try ChildProcess(whoAmI, ["127.0.0.1:\(stack.port)"], input: token + "\n")
                    #expect(Int(try await page.ending()) == status)
                    #expect(page.allOutput == output)
                }
                for address in ["127.0.0.1:\(stack.port)", socket] {
                    try await Self.succeeds(client, address, token: try stack.emulator.logIn(phone: "+15551234567"))
                }
            }
            try await Self.overTLS(client)
        }
    }

    /// The Go client hands a `tls.Conn` to ttrpc, with a client's certificate.
    private static func overTLS(_ client: String) async throws {
        let authority = try await TestAuthority()
        let server = try await authority.leaf(names: "DNS:localhost,IP:127.0.0.1")
        let caller = try await authority.leaf(names: "URI:spiffe://example.org/billing")
        try await Stack.run(settings: { settings in
            settings.tls.certificate = server.certificateFile
            settings.tls.key = server.keyFile
            settings.tls.clientAuthorities = authority.certificateFile
            settings.server.policy = .granting(to: [Caller(name: "uri:spiffe://example.org/billing")])
        }) { stack in
            try await succeeds(
                client, "127.0.0.1:\(stack.port)", token: try stack.emulator.logIn(phone: "+15551234567"),
                files: [authority.certificateFile, caller.certificateFile, caller.keyFile])
        }
    }

    private static func succeeds(_ client: String, _ address: String, token: String, files: [String] = []) async throws {
        let process = try ChildProcess(client, [address, token, "EMAWnobodys"] + files)
        #expect(try await process.ending() == 0, "\(process.allOutput)")
        #expect(process.allOutput == "all is well\n")
    }

    @Test("the messages for Java, C# and Python have the packages that the files name", .enabled(if: hasProtoc))
    func messages() async throws {
        try await withTemporaryFolder { folder in
            try await Self.runPage("protoc", in: folder)
            for (file, line) in [
                ("java/doorman/v1/Identity.java", "package doorman.v1;"),
                ("java/io/grpc/health/v1/HealthCheckResponse.java", "package io.grpc.health.v1;"),
                ("java/io/containerd/ttrpc/Response.java", "package io.containerd.ttrpc;"),
                ("java/com/google/rpc/ErrorInfo.java", "package com.google.rpc;"),
                ("csharp/Auth.cs", "namespace Doorman.V1 {"), ("csharp/Ttrpc.cs", "namespace Containerd.Ttrpc {"),
                ("python/doorman/v1/auth_pb2.py", "# source: doorman/v1/auth.proto"),
            ] {
                let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
                #expect(text.components(separatedBy: "\n").contains(line), "\(file)")
            }
        }
    }

    @Test("every .proto file names its package for Go, Java and C#")
    func options() throws {
        let folder = Self.root.appendingPathComponent("Protos")
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        // The messages of a fleet are between its servers. No client has them.
        let protos = files.filter { $0.hasSuffix(".proto") && !$0.hasPrefix("doorman/fleet/") }
        #expect(protos.count == 13)
        for proto in protos {
            let text = try String(contentsOf: folder.appendingPathComponent(proto), encoding: .utf8)
            for option in ["go_package = \"", "java_package = \"", "java_multiple_files = true", "csharp_namespace = \""] {
                #expect(text.contains("\noption \(option)"), "\(proto): \(option)")
            }
            if proto.hasPrefix("doorman/") { #expect(text.contains("go_package = \"doorman/v1;doormanv1\"")) }
        }
    }
}
