/// The encoding base64url without padding (RFC 4648, section 5), which JSON Web Tokens use.
enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var characters: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            // One byte needs two characters, two need three, and three need four.
            characters += (0...group.count).map { alphabet[bits >> (18 - 6 * $0) & 63] }
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
