/// Why the emulator could not start, or would not do what its owner asked. What its *callers* get is a ``GraphError``.
package struct EmulatorError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The settings contradict themselves or are unsafe.
        case badSettings
        /// An argument is missing or malformed.
        case badArgument
        /// No such application or account.
        case notFound
        /// The application's switches forbid it.
        case notAllowed
        /// A limit is reached.
        case tooMany
    }

    package let code: Code
    /// One sentence for a person, without a token, code or secret.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
