internal import AccountKitEmulator
private import Glibc
internal import ServiceLifecycle

/// Runs an emulator until graceful shutdown, and prints its address.
struct EmulatorService: Service {
    let emulator: AccountKitEmulator
    let portFile: String?

    func run() async throws {
        do {
            try await emulator.start()
        } catch {
            throw EmulatorStartError(host: emulator.settings.host, port: emulator.settings.port, cause: error)
        }
        do {
            // The port file is written last, because scripts call the emulator as soon as the file exists.
            let apps = emulator.settings.apps.map(\.id).joined(separator: ", ")
            print("account-kit-emulator listens on \(emulator.baseURL), app \(apps)")
            // Without a flush, a pipe or file gets the line only at exit.
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

/// An emulator that cannot start.
private struct EmulatorStartError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let cause: any Error

    var description: String { "cannot start on \(host) port \(port): \(cause)" }
}
