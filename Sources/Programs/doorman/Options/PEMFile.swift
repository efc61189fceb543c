internal import ArgumentParser
internal import DoormanFiles
internal import DoormanSupport

/// Checks a TLS file before the client connects. A handshake would fail with a message that does not name the file.
enum PEMFile {
    enum Kind {
        case certificate
        case privateKey
    }

    /// The number of bytes that are checked. All authorities of a system are a quarter of that.
    static let maximumBytes = 1 << 20

    static func check(_ file: OptionValue, holds kind: Kind) throws(ValidationError) {
        let name = EchoedText.path(file.text).map { "'\($0)'" } ?? "the file"
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(file.text, limit: maximumBytes)
        } catch {
            throw ValidationError("\(file.source): cannot read \(name): \(error.cause)")
        }
        guard let problem = problem(in: String(decoding: bytes, as: UTF8.self), as: kind) else { return }
        throw ValidationError("\(file.source): \(name) \(problem)")
    }

    /// Returns the problem of a file's text as a verb phrase, or `nil` if the text seems valid.
    static func problem(in text: String, as kind: Kind) -> String? {
        switch kind {
        case .certificate:
            return text.contains("-----BEGIN CERTIFICATE-----") ? nil : "holds no PEM certificate"
        case .privateKey where text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED"):
            return "is encrypted: decrypt it with 'openssl pkey'"
        case .privateKey:
            return text.contains("PRIVATE KEY-----") ? nil : "holds no PEM private key"
        }
    }
}
