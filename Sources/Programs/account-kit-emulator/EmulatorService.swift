internal import AccountKitEmulator
internal import DoormanFiles
internal import ServiceLifecycle

/// Runs an emulator until graceful shutdown, and prints its address.
struct EmulatorService: Service {
    let emulator: AccountKitEmulator
    /// The file that receives the secret of the first app. It stays when the emulator ends.
    let secretFile: ScriptFile?
    let portFile: ScriptFile?

    /// Checks that the files can be written, before the emulator starts.
    func check() throws(ScriptFileError) {
        try secretFile?.check()
        try portFile?.check()
    }

    func run() async throws {
        do {
            try await emulator.start()
        } catch {
            throw EmulatorStartError(host: emulator.settings.host, port: emulator.settings.port, cause: error)
        }
        async let preparation: Void = emulator.prepareKeys()
        var written: WrittenFile?
        defer { written?.removeIfOwned() }
        do {
            // An emulator that can't start leaves the files of a running emulator alone.
            if let app = emulator.settings.apps.first { _ = try secretFile?.write(app.secret) }
            // The port file is written last, because scripts call the emulator as soon as the file exists.
            let apps = emulator.settings.apps.map(\.id).joined(separator: ", ")
            try StandardOutput.write("account-kit-emulator listens on \(emulator.baseURL), app \(apps)")
            written = try portFile?.write("\(emulator.port)\n")
            try await gracefulShutdown()
        } catch is CancellationError {
        } catch {
            try await emulator.stop()
            throw error
        }
        await preparation
        try await emulator.stop()
    }
}

/// An emulator that cannot start.
private struct EmulatorStartError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let cause: any Error

    var description: String { "cannot listen on '\(host)' port \(port): \(cause)" }
}
