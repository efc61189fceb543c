internal import ArgumentParser
internal import DoormanClient
internal import Glibc

/// The tokens of a file, one a line.
struct Lines: Sendable {
    let tokens: [Token]

    init(path: String, atMost limit: Int) throws {
        guard let file = unsafe fopen(path, "r") else { throw ValidationError("\(path) cannot be read") }
        defer { unsafe fclose(file) }
        var tokens: [Token] = []
        var buffer = [CChar](repeating: 0, count: 4096)
        while tokens.count < limit, unsafe fgets(&buffer, Int32(buffer.count), file) != nil {
            tokens.append(Token(bytes: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }))
        }
        guard !tokens.isEmpty else { throw ValidationError("\(path) has no tokens") }
        self.tokens = tokens
    }
}
