import AccountKitEmulator
import Foundation
import Logging
import TestKit
import Testing

/// A client of gRPC in another language, which plays scenarios: the programs `Tests/Interop/*-client.*`.
enum GRPCClient: String, CaseIterable, CustomTestStringConvertible {
    /// grpcio, on the library of gRPC's core.
    case grpcio
    /// grpclib, on the package h2.
    case grpclib
    /// Node's http2 module without a package.
    case node
    /// grpc-go of Debian.
    case go
    /// gRPC C++ of Debian.
    case cpp
    /// grpc-java of Debian, on Netty.
    case java

    var testDescription: String { rawValue }

    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
    private static let python = root.appendingPathComponent(".build/python/bin/python").path
    private static let buf = root.appendingPathComponent(".build/python/bin/buf").path

    static var installed: [GRPCClient] { allCases.filter(\.isInstalled) }

    static var hasBuf: Bool { exists(buf) }

    /// The folders of the virtual environment's packages.
    static var pythonPackages: [String] {
        let folder = root.appendingPathComponent(".build/python/lib").path
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return versions.map { "\(folder)/\($0)/site-packages" }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private var isInstalled: Bool {
        switch self {
        case .grpcio: Self.pythonPackages.contains { Self.exists($0 + "/grpc") }
        case .grpclib: Self.pythonPackages.contains { Self.exists($0 + "/grpclib") }
        case .node: Self.exists("/usr/bin/node") || Self.exists("/usr/local/bin/node")
        case .go:
            Self.exists("/usr/bin/go") && Self.exists("/usr/bin/protoc")
                && Self.exists("/usr/share/gocode/src/google.golang.org/grpc/clientconn.go")
                && Self.exists("/usr/share/gocode/src/github.com/golang/protobuf/protoc-gen-go/main.go")
        case .cpp:
            ["g++", "protoc", "grpc_cpp_plugin", "pkg-config"].allSatisfy { Self.exists("/usr/bin/" + $0) }
                && Self.exists("/usr/include/grpcpp/grpcpp.h")
        case .java:
            ["java", "javac", "protoc", "grpc_java_plugin"].allSatisfy { Self.exists("/usr/bin/" + $0) }
                && Self.javaPackages.allSatisfy(Self.exists)
        }
    }

    /// Makes the client ready to play scenarios.
    ///
    /// - Returns: The command.
    func prepare(in folder: URL) async throws -> [String] {
        let programs = Self.root.appendingPathComponent("Tests/Interop").path
        switch self {
        case .grpcio: return [Self.python, programs + "/grpcio-client.py"]
        case .grpclib: return [Self.python, programs + "/grpclib-client.py"]
        case .node: return ["node", programs + "/grpc-client.mjs"]
        case .go:
            try await Self.buildGo(programs + "/grpc-client.go", in: folder)
            return [folder.appendingPathComponent("grpc-client").path]
        case .cpp:
            try await Self.buildCPP(programs + "/grpc-client.cpp", in: folder)
            return [folder.appendingPathComponent("grpc-client").path]
        case .java:
            try await Self.buildJava(programs + "/grpc-client.java", in: folder)
            let classes = [folder.appendingPathComponent("classes").path] + Self.javaPackages
            return ["/usr/bin/java", "-cp", classes.joined(separator: ":"), "GRPCClient"]
        }
    }

    private static func buildGo(_ program: String, in folder: URL) async throws {
        let script = """
            set -eu
            cd "$0"
            export GO111MODULE=off GOPATH="$PWD/go:/usr/share/gocode"
            go build -o protoc-gen-go github.com/golang/protobuf/protoc-gen-go
            mkdir -p go/src
            protoc --proto_path='\(root.path)/Protos' --plugin=protoc-gen-go=./protoc-gen-go \
                --go_out=plugins=grpc,paths=source_relative:go/src \
                doorman/v1/auth.proto doorman/v1/accounts.proto doorman/v1/stats.proto
            go build -o grpc-client '\(program)'
            """
        try await build(script, in: folder)
    }

    private static func buildCPP(_ program: String, in folder: URL) async throws {
        let script = """
            set -eu
            cd "$0"
            protoc --proto_path='\(root.path)/Protos' --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin --cpp_out=. --grpc_out=. \
                doorman/v1/auth.proto grpc/health/v1/health.proto google/rpc/status.proto google/rpc/error_details.proto
            g++ -std=c++17 -O1 -I. -o grpc-client '\(program)' doorman/v1/auth.*cc grpc/health/v1/health.*cc \
                google/rpc/status.pb.cc google/rpc/error_details.pb.cc $(pkg-config --cflags --libs grpc++ protobuf)
            """
        try await build(script, in: folder)
    }

    /// The Java packages of gRPC and of all that it needs.
    static var javaPackages: [String] {
        [
            "grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite", "grpc-stub",
            "netty-buffer", "netty-codec", "netty-codec-http", "netty-codec-http2", "netty-common", "netty-handler",
            "netty-handler-proxy", "netty-resolver", "netty-transport", "protobuf", "guava", "perfmark-api",
            "geronimo-annotation-1.3-spec",
        ].map { "/usr/share/java/\($0).jar" }
    }

    private static func buildJava(_ program: String, in folder: URL) async throws {
        let script = """
            set -eu
            cd "$0"
            mkdir java
            protoc --proto_path='\(root.path)/Protos' --plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin \
                --java_out=java --grpc-java_out=java doorman/v1/auth.proto doorman/v1/accounts.proto \
                grpc/health/v1/health.proto google/rpc/status.proto google/rpc/error_details.proto
            javac -encoding UTF-8 -cp '\(javaPackages.joined(separator: ":"))' -d classes '\(program)' $(find java -name '*.java')
            """
        try await build(script, in: folder)
    }

    private static func build(_ script: String, in folder: URL) async throws {
        let cache = root.appendingPathComponent(".build/go-cache").path
        let build = try ChildProcess(
            "bash", ["-c", script, folder.path], environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "GOCACHE": cache])
        guard try await build.ending(within: .seconds(400)) == 0 else { throw NeverHappened(description: build.allOutput) }
    }

    /// Calls a method with `buf curl` and the descriptor set of the repository. It can't send a deadline: it has no option for one, and
    /// refuses the header `grpc-timeout`.
    static func bufCurl(_ method: String, _ json: String, port: Int, in folder: URL) async throws -> BufCurlResult {
        let schema = root.appendingPathComponent("Protos/doorman.binpb").path
        let process = try ChildProcess(
            buf,
            [
                "curl", "--schema", schema, "--protocol", "grpc", "--http2-prior-knowledge", "--data", json,
                "http://127.0.0.1:\(port)/\(method)",
            ], environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path])
        let status = try await process.ending()
        return BufCurlResult(status: status, output: process.output, errorOutput: process.errorOutput)
    }

    /// Verifies a token with `buf curl`.
    static func bufCurl(verifying token: String, port: Int, in folder: URL) async throws -> BufCurlResult {
        let base64 = Data(token.utf8).base64EncodedString()
        return try await bufCurl("doorman.v1.Auth/Verify", #"{"token": "\#(base64)"}"#, port: port, in: folder)
    }
}

/// The end of `buf curl`.
struct BufCurlResult {
    /// A failure, as `buf` prints it.
    struct Failure: Decodable {
        struct Detail: Decodable {
            let type: String
            /// The message in Base64 without padding.
            let value: String
        }

        let code: String
        let message: String
        let details: [Detail]?

        /// The fields of the detail of a type; `nil` without such a detail.
        func detail(_ type: String) -> ProtobufFields? {
            details?.first { $0.type == type }.flatMap { detail in
                let padding = String(repeating: "=", count: -detail.value.utf8.count & 3)
                return Data(base64Encoded: detail.value + padding).map { ProtobufFields(Array($0)) }
            }
        }

        /// The reason of the failure contract.
        var reason: String? {
            detail("google.rpc.ErrorInfo")?.bytes[1].map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// The exit code: eight times the code of gRPC, if the call failed.
    let status: Int32
    let output: String
    let errorOutput: String

    var failure: Failure {
        get throws { try JSONDecoder().decode(Failure.self, from: Data(errorOutput.utf8)) }
    }
}

/// Several `doormand` processes with one provider.
final class DoormandGroup {
    let emulator: AccountKitEmulator
    private(set) var programs: [ChildProcess] = []
    private(set) var ports: [Int] = []

    private init(_ emulator: AccountKitEmulator) {
        self.emulator = emulator
    }

    /// Runs servers for as long as `body` runs. Those that are left must end well.
    static func run(_ count: Int, _ arguments: [String] = [], _ body: (DoormandGroup, URL) async throws -> Void) async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let group = DoormandGroup(emulator)
        try await withTemporaryFolder { folder in
            for _ in 0..<count { try await group.start(in: folder, arguments) }
            try await body(group, folder)
            for program in group.programs { program.terminate() }
            for program in group.programs {
                guard try await program.ending() == 0 else { throw NeverHappened(description: program.allOutput) }
            }
        }
        try await emulator.stop()
    }

    private func start(in folder: URL, _ arguments: [String]) async throws {
        let secretFile = folder.appendingPathComponent("secret")
        let portFile = folder.appendingPathComponent("port-\(programs.count)")
        try (Stack.ours.secret + "\n").write(to: secretFile, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secretFile.path)
        let program = try ChildProcess.ours(
            "doormand",
            [
                "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path, "--account-kit-url", emulator.baseURL,
                "--account-kit-application-id", Stack.ours.id, "--account-kit-app-secret-file", secretFile.path,
            ] + arguments)
        programs.append(program)
        ports.append(try await program.port(from: portFile))
    }

    func address(_ index: Int) -> String { "127.0.0.1:\(ports[index])" }

    /// Logs a person in, and verifies the token at each server, so that it is cached.
    func cachedToken() async throws -> String {
        let token = try emulator.logIn(phone: "+15551234567")
        for port in ports {
            try await eventually("the token is cached", within: .seconds(20)) {
                let peer = try RawPeer.connect(port: port)
                try await peer.send(DoormandProcess.verify(token))
                return DoormandProcess.isIdentity(try await peer.readFrame())
            }
        }
        return token
    }
}
