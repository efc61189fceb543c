internal import ArgumentParser
internal import DoormanFiles
internal import DoormanSupport

/// The source of a token or code: an argument, a file, or standard input. A terminal asks for it.
enum SecretSource: Equatable {
    case argument(String, kind: String)
    case file(String, kind: String)
    case standardInput(kind: String)

    /// The maximum length of a secret. No server accepts a longer frame.
    static let maximumBytes = 64 << 10

    /// - Parameter kind: The secret's name in messages and, before `-file`, in options.
    init(argument: String?, file: String?, kind: String) throws(ValidationError) {
        switch (argument, file) {
        case (nil, let file?): self = .file(file, kind: kind)
        case (nil, nil), ("-", nil): self = .standardInput(kind: kind)
        case (let argument?, nil): self = .argument(argument, kind: kind)
        case (.some, .some): throw ValidationError("give the \(kind) or --\(kind)-file, not both")
        }
    }

    /// Returns the secret's bytes, without one newline at the end.
    func read() throws(ValidationError) -> [UInt8] {
        switch self {
        case .argument(let text, let kind):
            // A file's name sent as a token would be rejected, and the rejection would be taken for a verdict about the token in it.
            guard (try? RegularFile.read(text, limit: 0)) == nil else {
                let name = EchoedText.path(text).map { "'\($0)'" }
                throw ValidationError(
                    "\(name ?? "the argument") is a file, not a \(kind): give --\(kind)-file \(name ?? "and its name")")
            }
            return try Self.validate(Array(text.utf8), kind)
        case .file(let path, let kind):
            let bytes: [UInt8]
            do throws(FileAccessError) {
                bytes = try RegularFile.read(path, limit: Self.maximumBytes)
            } catch {
                throw ValidationError("cannot read \(OptionValue(text: path, source: "--\(kind)-file").file): \(error.cause)")
            }
            return try Self.validate(bytes, kind)
        case .standardInput(let kind):
            let bytes =
                StandardStreams.inputIsTerminal
                ? HiddenInput.ask(for: kind, atMost: Self.maximumBytes)
                : StandardStreams.readInput(atMost: Self.maximumBytes + 1)
            guard let bytes else { throw ValidationError("cannot read standard input") }
            return try Self.validate(bytes, kind)
        }
    }

    /// Removes one newline at the end, LF or CRLF.
    ///
    /// - Throws: `ValidationError` if the secret is empty or too long.
    static func validate(_ bytes: [UInt8], _ kind: String) throws(ValidationError) -> [UInt8] {
        var bytes = bytes[...]
        if bytes.last == 0x0a {
            bytes = bytes.dropLast()
            if bytes.last == 0x0d { bytes = bytes.dropLast() }
        }
        guard !bytes.isEmpty else { throw ValidationError("the \(kind) is empty") }
        guard bytes.count <= maximumBytes else { throw ValidationError("the \(kind) is longer than \(maximumBytes) bytes") }
        return Array(bytes)
    }
}
