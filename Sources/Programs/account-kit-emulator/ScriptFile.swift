internal import DoormanFiles

/// A small file that the emulator writes for scripts.
struct ScriptFile {
    private let path: String
    private let file: OutputFile

    private init(_ path: String, _ file: OutputFile) {
        self.path = path
        self.file = file
    }

    static func port(_ path: String) -> ScriptFile { ScriptFile(path, OutputFile(path, holding: .port)) }

    /// Makes the file of an app's secret, which only its owner can read.
    static func secret(_ path: String) -> ScriptFile {
        let contents = OutputFile.Contents(name: "an app secret", maximumBytes: 33) { bytes in
            let text = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
            return text.count == 32 && text.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        }
        return ScriptFile(path, OutputFile(path, holding: contents, mode: 0o600))
    }

    func check() throws(ScriptFileError) {
        do throws(FileAccessError) { try file.check() } catch { throw ScriptFileError(path: path, cause: error.cause) }
    }

    func write(_ text: String) throws(ScriptFileError) -> WrittenFile {
        do throws(FileAccessError) { return try file.write(text) } catch { throw ScriptFileError(path: path, cause: error.cause) }
    }
}

/// A file that cannot be written.
struct ScriptFileError: Error, CustomStringConvertible {
    let path: String
    let cause: String

    var description: String { "cannot write \(path): \(cause)" }
}
