/// The error of a server whose certificate has other names than the expected one.
package struct ServerNameMismatch: Error, Sendable, Hashable, CustomStringConvertible {
    /// The maximum number of names in the message. A certificate can have thousands.
    static let maximumNames = 5

    package let expected: ServerName
    /// The subject alternative names of the certificate.
    package let names: [CertificateName]

    package init(expected: ServerName, names: [CertificateName]) {
        self.expected = expected
        self.names = names
    }

    package var description: String {
        guard expected.isValid else {
            return
                "the server can't be verified: '\(expected)' is neither an IP address nor a DNS name of letters, digits and hyphens"
        }
        let found = names.isEmpty ? "it has no subject alternative name" : "it is for \(listed)"
        return "the server's \(HandshakeWords.otherName) \(expected): \(found)"
    }

    private var listed: String {
        let more = names.count - Self.maximumNames
        let listed = names.prefix(Self.maximumNames).map(\.description).joined(separator: ", ")
        return more > 0 ? "\(listed) and \(more) more" : listed
    }
}
