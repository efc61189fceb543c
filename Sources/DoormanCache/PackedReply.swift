/// An answer as it will go over the wire, packed once when it is stored. What the bytes mean is known to whoever packed them.
package struct PackedReply: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
