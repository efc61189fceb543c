/// An error of the emulator's own interface: it could not start, or rejects an instruction. Its *callers* get a ``GraphError``.
package struct EmulatorError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The settings are contradictory or unsafe.
        case badSettings
        /// An argument is missing or malformed.
        case badArgument
        /// The application or account is unknown.
        case notFound
        /// The settings of the application forbid it.
        case notAllowed
        /// A limit of the settings is reached.
        case tooMany
        /// OpenSSL failed.
        case failed
    }

    package let code: Code
    /// The cause in one sentence, without tokens, codes or secrets.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
