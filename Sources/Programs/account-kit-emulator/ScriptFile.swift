internal import DoormanFiles
internal import DoormanSupport

/// A small file that the emulator writes for scripts.
struct ScriptFile {
    /// The option that names the file.
    private let option: String
    private let path: String
    private let file: OutputFile

    private init(_ option: String, _ path: String, _ file: OutputFile) {
        self.option = option
        self.path = path
        self.file = file
    }

    static func port(_ path: String) -> ScriptFile { ScriptFile("--port-file", path, OutputFile(path, holding: .port)) }

    /// Makes the file of an app's secret, which only its owner can read.
    static func secret(_ path: String) -> ScriptFile {
        let contents = OutputFile.Contents(name: "an app secret", maximumBytes: 33) { bytes in
            let text = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
            return text.count == 32 && text.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        }
        return ScriptFile("--write-app-secret", path, OutputFile(path, holding: contents, mode: 0o600))
    }

    private func problem(_ error: FileAccessError) -> ScriptFileError {
        ScriptFileError(file: EchoedText.path(path) ?? "the file of \(option)", cause: error.cause)
    }

    func check() throws(ScriptFileError) {
        do throws(FileAccessError) { try file.check() } catch { throw problem(error) }
    }

    func write(_ text: String) throws(ScriptFileError) -> WrittenFile {
        do throws(FileAccessError) { return try file.write(text) } catch { throw problem(error) }
    }
}

/// A file that cannot be written.
struct ScriptFileError: Error, CustomStringConvertible {
    /// The file in words.
    let file: String
    let cause: String

    var description: String { "cannot write \(file): \(cause)" }
}
