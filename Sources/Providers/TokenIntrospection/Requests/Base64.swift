/// The encodings base64 and base64url of RFC 4648.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Returns bytes in base64, with padding (section 4).
    static func encode(_ bytes: [UInt8]) -> String {
        let characters = encode(bytes, alphabet)
        let padding = repeatElement(UInt8(ascii: "="), count: (4 - characters.count % 4) % 4)
        return String(decoding: characters + padding, as: UTF8.self)
    }

    /// Returns bytes in base64url, without padding (section 5).
    static func encodeForURL(_ bytes: [UInt8]) -> String {
        String(decoding: encode(bytes, urlAlphabet), as: UTF8.self)
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8]) -> [UInt8] {
        var characters: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            // One byte needs two characters, two need three, and three need four.
            characters += (0...group.count).map { alphabet[bits >> (18 - 6 * $0) & 63] }
        }
        return characters
    }
}
