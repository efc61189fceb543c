/// A value that shows only its ``description``, because it holds a secret or something that must not be looked at.
///
/// Printing, interpolating, dumping and reflecting such a value, by itself or inside another, show its ``description`` and none of its
/// stored properties. The protocol promises nothing about the description itself, which must name no secret; about a property that is
/// read and shown by its own; about the value's memory, which a debugger reads; or about an encoding of the value.
public protocol Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// All that may be shown of the value, for example its size.
    var description: String { get }
}

extension Redacted {
    /// The same as `description`.
    public var debugDescription: String { description }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
