internal import DoormanCore

/// HMAC-SHA-256 with one key (RFC 2104, FIPS 198-1).
///
/// The inner and the outer key block are hashed once, in `init`. Each code copies these two states onto the stack, so that it needs
/// neither the heap nor a lock. Any number of threads may use one value.
package struct HMACSHA256: Sendable {
    /// The block size in bytes. A prefix of whole blocks is hashed only once, in ``prepared(with:)``.
    package static let blockSize = SHA256State.blockSize

    private var inner = SHA256State()
    private var outer = SHA256State()

    /// - Parameter key: A key of any length. A key of more than 64 bytes is replaced by its SHA-256 (RFC 2104, section 2).
    package init(key: [UInt8]) {
        var block = key
        if key.count > SHA256State.blockSize {
            var state = SHA256State()
            state.update(key.span)
            block = state.finish().bytes
        }
        block.append(contentsOf: repeatElement(0, count: SHA256State.blockSize - block.count))
        let innerBlock = block.map { $0 ^ 0x36 }
        let outerBlock = block.map { $0 ^ 0x5c }
        inner.update(innerBlock.span)
        outer.update(outerBlock.span)
    }

    /// Returns a copy that has already hashed a common prefix of all messages.
    ///
    /// The copy's code of a message is this value's code of `prefix` followed by the message.
    package func prepared(with prefix: [UInt8]) -> HMACSHA256 {
        var copy = self
        copy.inner.update(prefix.span)
        return copy
    }

    /// Returns the code of a message.
    package func authenticationCode(for message: borrowing Span<UInt8>) -> AuthenticationCode {
        var inner = inner
        inner.update(message)
        return finish(inner)
    }

    /// Returns the code of a message in parts, without copying them. `feed` appends the parts in order.
    package func authenticationCode(_ feed: (inout Feeder) -> Void) -> AuthenticationCode {
        var feeder = Feeder(inner: inner)
        feed(&feeder)
        return finish(feeder.inner)
    }

    private func finish(_ inner: SHA256State) -> AuthenticationCode {
        var outer = outer
        outer.update(inner.finish())
        return outer.finish()
    }
}

extension HMACSHA256 {
    /// Collects the parts of one message.
    package struct Feeder {
        fileprivate var inner: SHA256State

        /// Appends bytes to the message.
        package mutating func append(_ bytes: borrowing Span<UInt8>) {
            inner.update(bytes)
        }

        /// Appends a number as four bytes in big-endian order.
        package mutating func append(bigEndian number: UInt32) {
            inner.update(bigEndian: number)
        }

        /// Appends the length in four bytes, followed by the bytes. Different sequences of such parts are different messages.
        package mutating func appendLengthPrefixed(_ bytes: borrowing Span<UInt8>) {
            inner.update(bigEndian: UInt32(bytes.count))
            inner.update(bytes)
        }
    }
}

/// The states are equivalent to the key, so no description may contain them.
extension HMACSHA256: Redacted {
    package var description: String { "HMACSHA256(redacted)" }
}

extension HMACSHA256.Feeder: Redacted {
    package var description: String { "Feeder(redacted)" }
}
