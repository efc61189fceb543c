internal import ArgumentParser
internal import DoormanClient
internal import DoormanFiles

/// The tokens of a load test: a file, or standard input, with one token per line.
struct TokenFile {
    static let maximumTokens = 100_000
    /// The maximum length of a token. A server accepts 1 KiB by default.
    static let maximumTokenBytes = 4096
    /// The maximum length of the file.
    static let maximumBytes = 32 << 20

    /// The path of the file, or `-` for standard input.
    let path: String

    private var name: String { path == "-" ? "standard input" : OptionValue(text: path, source: "--token-file").file }

    /// Reads all tokens and skips empty lines. No error repeats a line.
    func read() throws(ValidationError) -> [Token] {
        try tokens(of: try makeReader())
    }

    func tokens(of reader: LineReader) throws(ValidationError) -> [Token] {
        var reader = reader
        var tokens: [Token] = []
        while true {
            switch reader.next() {
            case .line("", _): continue
            case .line(let token, _):
                guard tokens.count < Self.maximumTokens else {
                    throw ValidationError("\(name) holds more than \(Self.maximumTokens) tokens")
                }
                tokens.append(Token(token))
            case .tooLong(let number):
                throw ValidationError("line \(number) of \(name) is not a token: it is longer than \(Self.maximumTokenBytes) bytes")
            case .unreadable: throw ValidationError("cannot read \(name), or it is longer than \(Self.maximumBytes) bytes")
            case .end:
                guard !tokens.isEmpty else { throw ValidationError("\(name) holds no token") }
                return tokens
            }
        }
    }

    private func makeReader() throws(ValidationError) -> LineReader {
        if path == "-" {
            guard !StandardStreams.inputIsTerminal else { throw ValidationError("no tokens: pipe them into standard input") }
            var remaining = Self.maximumBytes
            return LineReader(maximumLength: Self.maximumTokenBytes) {
                guard let bytes = StandardStreams.readMoreInput() else { return nil }
                remaining -= bytes.count
                return remaining < 0 ? nil : bytes
            }
        }
        var contents: [UInt8]?
        do throws(FileAccessError) {
            contents = try RegularFile.read(path, limit: Self.maximumBytes)
        } catch {
            throw ValidationError("cannot read \(name): \(error.cause)")
        }
        if let count = contents?.count, count > Self.maximumBytes { contents = nil }
        return LineReader(maximumLength: Self.maximumTokenBytes) {
            defer { contents = contents.map { _ in [] } }
            return contents
        }
    }
}
