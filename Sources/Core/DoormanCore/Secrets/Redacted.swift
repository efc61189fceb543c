/// A value whose textual forms show only its ``description``, because it contains a secret.
///
/// Printing, interpolating, dumping and reflecting the value shows its ``description`` and none of its stored properties. This also
/// holds if the value is part of another value. The protocol does not protect:
///
/// - the description itself, which must not contain a secret;
/// - a property that is read and printed by itself;
/// - the value's memory, which a debugger can read;
/// - an encoding of the value.
public protocol Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text to show instead of the value, for example its size. Must not contain a secret.
    var description: String { get }
}

extension Redacted {
    /// The same as `description`.
    public var debugDescription: String { description }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
