internal import CDoormanProtos
internal import CProtobufC

/// Looks for NULs in the `string` fields of a message.
///
/// protobuf-c ends a text at its first NUL. So a message with such a text would be read differently than its sender meant it, and a check of
/// an application or a scope would be for another one, or for none.
enum TextCheck {
    /// The maximum depth of nested messages. No message of Doorman's has more than five.
    private static let maximumDepth = 32

    /// Returns whether a text of a message has a NUL, or whether its messages are nested too deeply.
    ///
    /// - Parameter bytes: A message that protobuf-c has unpacked.
    static func holdsNUL(
        _ bytes: UnsafeBufferPointer<UInt8>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>?, depth: Int = 0
    ) -> Bool {
        // A message without a zero byte, as nearly all are, has none in a text.
        guard unsafe bytes.contains(0), let descriptor = unsafe descriptor?.pointee else { return false }
        guard depth < maximumDepth else { return true }
        let fields = unsafe UnsafeBufferPointer(start: descriptor.fields, count: Int(descriptor.n_fields))
        var rest = unsafe bytes[...]
        while let tag = unsafe varint(&rest) {
            switch tag & 7 {
            case 0: _ = unsafe varint(&rest)
            case 1: unsafe rest = unsafe rest.dropFirst(8)
            case 5: unsafe rest = unsafe rest.dropFirst(4)
            case 2:
                let available = unsafe rest.count
                guard let count = unsafe varint(&rest), count <= available else { return true }
                let value = unsafe UnsafeBufferPointer(rebasing: rest.prefix(Int(count)))
                unsafe rest = unsafe rest.dropFirst(Int(count))
                guard let field = unsafe fields.first(where: { unsafe UInt64($0.id) == tag >> 3 }) else { continue }
                if unsafe field.type == PROTOBUF_C_TYPE_STRING, unsafe value.contains(0) { return true }
                if unsafe field.type == PROTOBUF_C_TYPE_MESSAGE {
                    let nested = unsafe field.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
                    if unsafe holdsNUL(value, nested, depth: depth + 1) { return true }
                }
            // protobuf-c unpacks no group.
            default: return true
            }
        }
        return false
    }

    /// Reads a number from the beginning of the bytes; `nil` at their end.
    private static func varint(_ bytes: inout Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var (value, shift) = (UInt64(0), UInt64(0))
        while let byte = unsafe bytes.popFirst() {
            if shift < 64 { value |= UInt64(byte & 0x7f) << shift }
            shift += 7
            if byte < 0x80 { return value }
        }
        return nil
    }
}
