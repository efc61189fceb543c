internal import ArgumentParser

/// A look at a file of TLS before anybody is connected to, so that a mistake in it is named for what it is.
enum PEMFile {
    enum Kind {
        case certificate
        case privateKey
    }

    /// The most bytes that are looked at. All authorities that a system trusts are a quarter of that.
    static let mostBytes = 1 << 20

    static func check(_ file: OptionValue, holds kind: Kind) throws(ValidationError) {
        guard let bytes = StandardStreams.read(file: file.text, atMost: mostBytes) else {
            throw ValidationError("\(file.source): '\(file.text)' can't be read")
        }
        guard let fault = fault(in: String(decoding: bytes, as: UTF8.self), as: kind) else { return }
        throw ValidationError("\(file.source): '\(file.text)' \(fault)")
    }

    /// What is wrong with a file's text; nil if nothing that can be seen at once is.
    static func fault(in text: String, as kind: Kind) -> String? {
        switch kind {
        case .certificate:
            return text.contains("-----BEGIN CERTIFICATE-----") ? nil : "holds no certificate in PEM form"
        case .privateKey where text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED"):
            return "is encrypted: decrypt it with 'openssl pkey'"
        case .privateKey:
            return text.contains("PRIVATE KEY-----") ? nil : "holds no private key in PEM form"
        }
    }
}
