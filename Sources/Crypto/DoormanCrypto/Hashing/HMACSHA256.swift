internal import DoormanCore

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1) under one key.
///
/// Both halves of the key are hashed once, at the start; each code then forks those two states on the stack. A code takes no
/// heap and no lock, and one value may be used by any number of threads.
package struct HMACSHA256: Sendable {
    /// Bytes that are hashed at a time: a beginning of whole blocks costs ``prepared(with:)`` all that it costs.
    package static let blockSize = SHA256State.blockSize

    private var inner = SHA256State()
    private var outer = SHA256State()

    /// Takes the key in.
    ///
    /// - Parameter key: Of any length. One longer than 64 bytes counts as its SHA-256 (RFC 2104, section 2).
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

    /// The same key, with a beginning that all its messages share already taken in: what it gives for a message is what
    /// this one gives for `prefix` and the message together.
    package func prepared(with prefix: [UInt8]) -> HMACSHA256 {
        var copy = self
        copy.inner.update(prefix.span)
        return copy
    }

    /// The code of the message.
    package func authenticationCode(for message: borrowing Span<UInt8>) -> AuthenticationCode {
        var inner = inner
        inner.update(message)
        return finish(inner)
    }

    /// The code of a message made of parts, none of which is copied: `feed` hands them in, in order.
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
    /// Takes in the parts of one message.
    package struct Feeder {
        fileprivate var inner: SHA256State

        /// The next bytes of the message.
        package mutating func append(_ bytes: borrowing Span<UInt8>) {
            inner.update(bytes)
        }

        /// Four bytes, the highest first.
        package mutating func append(bigEndian number: UInt32) {
            inner.update(bigEndian: number)
        }

        /// The length in four bytes, then the bytes: messages of several such parts can't be mistaken for one another.
        package mutating func appendLengthPrefixed(_ bytes: borrowing Span<UInt8>) {
            inner.update(bigEndian: UInt32(bytes.count))
            inner.update(bytes)
        }
    }
}

/// The states stand for the key, so printing and reflecting must not show them.
extension HMACSHA256: Redacted {
    package var description: String { "HMACSHA256(redacted)" }
}

extension HMACSHA256.Feeder: Redacted {
    package var description: String { "Feeder(redacted)" }
}
