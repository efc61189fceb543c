import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

/// Existing clients in other languages. `Scripts/setup --all` installs their tools; without the tools the tests are skipped.
@Suite("Clients of other languages")
struct InteroperabilityTests {
    private static let goPath = "/usr/share/gocode"

    static var hasGoClient: Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/go")
            && FileManager.default.fileExists(atPath: goPath + "/src/github.com/containerd/ttrpc/client.go")
    }

    @Test("containerd's ttrpc client for Go works unchanged", .enabled(if: hasGoClient))
    func goClient() async throws {
        try await withTemporaryFolder { folder in
            let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("Interop/ttrpc-client.go")
            let binary = folder.appendingPathComponent("ttrpc-client")
            let build = try ChildProcess(
                "/usr/bin/go", ["build", "-o", binary.path, program.path],
                environment: ["GO111MODULE": "off", "GOPATH": Self.goPath, "GOCACHE": folder.appendingPathComponent("cache").path])
            try #require(try await build.ending() == 0, "\(build.allOutput)")

            let socket = folder.appendingPathComponent("doorman.sock").path
            try await Stack.run(settings: { $0.unixSocket = socket }) { stack in
                for address in ["127.0.0.1:\(stack.port)", socket] {
                    let token = try stack.emulator.logIn(phone: "+15551234567")
                    let client = try ChildProcess(binary.path, [address, token, "EMAWnobodys"])
                    #expect(try await client.ending() == 0, "\(client.allOutput)")
                    #expect(client.allOutput == "all is well\n")
                }
                #expect(stack.providerRequests == 3)
            }
        }
    }
}
