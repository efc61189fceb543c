internal import ArgumentParser

/// Where a token or code comes from: an argument, a file, or standard input.
enum SecretSource: Equatable {
    case argument(String, what: String)
    case file(String, what: String)
    case standardInput(what: String)

    /// The most bytes that are read; no server takes more in a frame.
    static let maximumBytes = 64 << 10

    /// - Parameter what: How the secret is called in messages and, before `-file`, in options.
    init(argument: String?, file: String?, what: String) throws(ValidationError) {
        switch (argument, file) {
        case (nil, let file?): self = .file(file, what: what)
        case (nil, nil), ("-", nil): self = .standardInput(what: what)
        case (let argument?, nil): self = .argument(argument, what: what)
        case (.some, .some): throw ValidationError("give the \(what) or --\(what)-file, not both")
        }
    }

    /// The secret's bytes, without one newline at the end.
    func read() throws(ValidationError) -> [UInt8] {
        switch self {
        case .argument(let text, let what): return try Self.usable(Array(text.utf8), what)
        case .file(let path, let what):
            guard let bytes = StandardStreams.read(file: path, atMost: Self.maximumBytes + 1) else {
                throw ValidationError("'\(path)' can't be read")
            }
            return try Self.usable(bytes, what)
        case .standardInput(let what):
            guard !StandardStreams.inputIsTerminal else {
                throw ValidationError("there is no \(what): pipe it in, or give --\(what)-file")
            }
            guard let bytes = StandardStreams.readInput(atMost: Self.maximumBytes + 1) else {
                throw ValidationError("standard input can't be read")
            }
            return try Self.usable(bytes, what)
        }
    }

    /// Takes off one newline, of either kind; refuses what is empty or too long.
    static func usable(_ bytes: [UInt8], _ what: String) throws(ValidationError) -> [UInt8] {
        var bytes = bytes[...]
        if bytes.last == 0x0a {
            bytes = bytes.dropLast()
            if bytes.last == 0x0d { bytes = bytes.dropLast() }
        }
        guard !bytes.isEmpty else { throw ValidationError("the \(what) is empty") }
        guard bytes.count <= maximumBytes else { throw ValidationError("the \(what) is longer than \(maximumBytes) bytes") }
        return Array(bytes)
    }
}
