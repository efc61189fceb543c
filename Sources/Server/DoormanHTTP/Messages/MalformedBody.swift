/// Why a request's body can't be read.
package struct MalformedBody: Error, Sendable, Hashable {
    /// A message for people, in one sentence. Contains no value of the body.
    package let message: String

    init(_ message: String) {
        self.message = message
    }
}
