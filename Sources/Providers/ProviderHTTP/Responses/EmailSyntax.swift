/// The syntax of e-mail addresses in responses.
package enum EmailSyntax {
    /// Whether an e-mail address has an `@` inside, an SMTP-compatible length (RFC 5321, section 4.5.3.1) and no spaces or
    /// controls.
    package static func isPlausible(_ address: String) -> Bool {
        let bytes = address.utf8
        guard (3...320).contains(bytes.count), bytes.dropFirst().dropLast().contains(UInt8(ascii: "@")) else { return false }
        return bytes.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }
}
