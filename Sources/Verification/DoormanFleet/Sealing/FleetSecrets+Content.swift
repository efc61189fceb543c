internal import DoormanCore

extension FleetSecrets {
    /// The content of the fleet secret file: one or two lines of 64 hexadecimal digits. The first is the current secret.
    package struct Content: Sendable, Hashable {
        /// One or two different secrets of ``FleetSecrets/secretBytes`` bytes, for ``FleetSecrets/init(_:tag:)``.
        package let secrets: [[UInt8]]

        /// - Parameter text: The file's text, with or without a line break at its end.
        package init(parsing text: String) throws(ContentError) {
            var lines = text.utf8.split(separator: UInt8(ascii: "\n"), maxSplits: 3, omittingEmptySubsequences: false)
            if lines.count > 1, lines.last?.isEmpty == true { lines.removeLast() }
            guard lines.contains(where: { !$0.isEmpty }) else { throw .empty }
            var secrets: [[UInt8]] = []
            for (index, line) in lines.prefix(2).enumerated() { secrets.append(try Self.secret(Array(line), line: index + 1)) }
            guard lines.count <= 2 else { throw .furtherLine }
            guard Set(secrets).count == secrets.count else { throw .repeatedSecret }
            self.secrets = secrets
        }

        private static func secret(_ digits: [UInt8], line: Int) throws(ContentError) -> [UInt8] {
            guard digits.count == 2 * secretBytes else { throw .length(line: line, bytes: digits.count) }
            var values: [UInt8] = []
            for (index, digit) in digits.enumerated() {
                guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { throw .digit(line: line, column: index + 1) }
                values.append(UInt8(value))
            }
            let secret = stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
            guard Set(secret).count > 1 else { throw .uniform(line: line) }
            return secret
        }
    }

    /// The reason why a text is not the content of a fleet secret file. The description follows "the file", and has nothing of the text.
    package enum ContentError: Error, Sendable, Hashable, CustomStringConvertible {
        case empty
        case length(line: Int, bytes: Int)
        case digit(line: Int, column: Int)
        /// All bytes are equal, so the line is no secret.
        case uniform(line: Int)
        case repeatedSecret
        case furtherLine

        package var description: String {
            switch self {
            case .empty: "is empty, and needs one or two lines of 64 hexadecimal digits"
            case .length(let line, let bytes): "has \(bytes) bytes in line \(line), and needs 64 hexadecimal digits"
            case .digit(let line, let column): "has something else than a hexadecimal digit in line \(line), column \(column)"
            case .uniform(let line): "repeats one byte in line \(line), and needs random digits"
            case .repeatedSecret: "has the same secret in line 2 as in line 1"
            case .furtherLine: "has more than two lines"
            }
        }
    }
}

extension FleetSecrets.Content: Redacted {
    package var description: String { "Content(\(secrets.count))" }
}
