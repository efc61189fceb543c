internal import AccountKitEmulator
private import Glibc
internal import ServiceLifecycle

/// Runs an emulator until it is told to stop, and says where it listens.
struct EmulatorService: Service {
    let emulator: AccountKitEmulator
    let portFile: String?

    func run() async throws {
        try await emulator.start()
        do {
            // The port file is written last of all: a script that sees it may call.
            let apps = emulator.settings.apps.map(\.id).joined(separator: ", ")
            print("account-kit-emulator listens on \(emulator.baseURL), app \(apps)")
            // A pipe or file would otherwise see the line only at the end.
            fflush(nil)
            if let portFile { try TextFile.write("\(emulator.port)\n", to: portFile, mode: 0o644) }
            try await gracefulShutdown()
        } catch is CancellationError {
        } catch {
            try await emulator.stop()
            throw error
        }
        try await emulator.stop()
    }
}
