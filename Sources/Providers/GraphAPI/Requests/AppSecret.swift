internal import DoormanCore
internal import DoormanSupport

/// The app secret of an application. Account Kit's differs from the secret of the same app for Facebook Login.
///
/// Its holder can act as the application. Its description never contains its bytes.
package struct AppSecret: Sendable, Hashable {
    /// The secret as it was configured.
    package let bytes: [UInt8]

    /// Creates a secret from a text's UTF-8 bytes, without validating it: the settings of each provider do.
    package init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }

    /// The expected form of a secret, as words that follow the key of a setting; `nil` if this secret has that form.
    package var problem: String? {
        guard !(1...256).contains(bytes.count) || !bytes.allSatisfy(\.isVisibleASCII) else { return nil }
        return "must hold 1 to 256 visible ASCII characters, and nothing after them but a newline"
    }
}

extension AppSecret: Redacted {
    package var description: String { "AppSecret(redacted)" }
}
