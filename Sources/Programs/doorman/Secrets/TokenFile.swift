internal import ArgumentParser
internal import DoormanClient

/// The tokens of a load: a file, or standard input, with one on each line.
struct TokenFile {
    /// The most tokens that are taken.
    static let mostTokens = 100_000
    /// The longest of them, in bytes. A server takes 1 KiB unless it is set otherwise.
    static let longestToken = 4096
    /// All of it.
    static let mostBytes = 32 << 20

    /// `-` is standard input.
    let path: String

    private var name: String { path == "-" ? "standard input" : "'\(path)'" }

    /// Empty lines are passed over. No complaint repeats a line.
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
                guard tokens.count < Self.mostTokens else {
                    throw ValidationError("\(name) holds more than \(Self.mostTokens) tokens")
                }
                tokens.append(Token(token))
            case .tooLong(let number):
                throw ValidationError("line \(number) of \(name) is no token: it is longer than \(Self.longestToken) bytes")
            case .unreadable: throw ValidationError("\(name) can't be read, or is longer than \(Self.mostBytes) bytes")
            case .end:
                guard !tokens.isEmpty else { throw ValidationError("\(name) holds no token") }
                return tokens
            }
        }
    }

    private func makeReader() throws(ValidationError) -> LineReader {
        if path == "-" {
            guard !StandardStreams.inputIsTerminal else { throw ValidationError("there are no tokens: pipe them in") }
            var left = Self.mostBytes
            return LineReader(longest: Self.longestToken) {
                guard let bytes = StandardStreams.readMoreInput() else { return nil }
                left -= bytes.count
                return left < 0 ? nil : bytes
            }
        }
        var contents = StandardStreams.read(file: path, atMost: Self.mostBytes + 1)
        if let count = contents?.count, count > Self.mostBytes { contents = nil }
        return LineReader(longest: Self.longestToken) {
            defer { contents = contents.map { _ in [] } }
            return contents
        }
    }
}
