/// The Account Kit secret of an application (not the Facebook app's): whoever holds it speaks for the application. It never
/// shows its bytes.
package struct AppSecret: Sendable, Hashable {
    /// The secret as it was configured.
    package let bytes: [UInt8]

    /// A secret of the text's UTF-8 bytes. Nothing is checked here: see ``AccountKitSettings/problem``.
    package init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

extension AppSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "AppSecret(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
