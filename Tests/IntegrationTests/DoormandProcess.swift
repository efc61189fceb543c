import AccountKitEmulator
import DoormanClient
import DoormanSupport
import DoormanWire
import Foundation
import Logging
import TestKit

/// A `doormand` process with a provider in the test's process, for what is counted per process: memory and descriptors.
struct DoormandProcess {
    let program: ChildProcess
    let emulator: AccountKitEmulator
    let port: Int

    /// - Parameters:
    ///   - descriptorLimit: Maximum open files and sockets; `nil` for the machine's limit.
    ///   - variables: Additional environment variables.
    ///   - launcher: A program with arguments that executes the program that follows.
    static func run(
        _ arguments: [String] = [], descriptorLimit: Int? = nil, variables: [String: String] = [:],
        launcher: [String] = [], _ body: (DoormandProcess) async throws -> Void
    ) async throws {
        var settings = EmulatorSettings(port: 0)
        settings.apps = [Stack.ours]
        let emulator = try AccountKitEmulator(
            settings: settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await emulator.start()
        let outcome: Result<Void, any Error>
        do {
            try await withTemporaryFolder { folder in
                let (portFile, secretFile) = (folder.appendingPathComponent("port"), folder.appendingPathComponent("secret"))
                try (Stack.ours.secret + "\n").write(to: secretFile, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secretFile.path)
                let all =
                    [
                        "--server-address", "127.0.0.1:0", "--server-port-file", portFile.path, "--account-kit-url",
                        emulator.baseURL, "--account-kit-application-id", Stack.ours.id, "--account-kit-app-secret-file",
                        secretFile.path,
                        // Without it, only root may count the descriptors of the process.
                        "--process-core-dumps", "true",
                    ] + arguments
                let limit = descriptorLimit.map { "ulimit -n \($0); " } ?? ""
                let program = try ChildProcess(
                    "sh", ["-c", limit + #"exec "$0" "$@""#] + launcher + [ChildProcess.built("doormand")] + all,
                    // AddressSanitizer's quarantine of freed memory would count as growth.
                    environment: ["SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": "quarantine_size_mb=1"]
                        .merging(ChildProcess.patience) { $1 }.merging(variables) { $1 })
                try await body(
                    DoormandProcess(program: program, emulator: emulator, port: try await program.port(from: portFile)))
                program.terminate()
                let status = try await program.ending()
                guard status == 0 else { throw NeverHappened(description: "doormand ended with \(status): \(program.allOutput)") }
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await emulator.stop()
        try outcome.get()
    }

    /// Returns a token after verifying it, so that it is cached.
    func cachedToken(phone: String = "+15551234567") async throws -> String {
        let token = try emulator.logIn(phone: phone)
        let peer = try RawPeer.connect(port: port)
        try await peer.send(Self.verify(token))
        let response = try await peer.readFrame()
        guard Self.isIdentity(response) else { throw NeverHappened(description: "a valid token was not verified") }
        return token
    }

    static func verify(_ token: String, streamID: UInt32 = 1) throws -> [UInt8] {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    static func isIdentity(_ frame: RawFrame) -> Bool {
        guard case .success = ResponseDecoder.identity(frame.data.span, in: MessageArena()) else { return false }
        return true
    }
}
