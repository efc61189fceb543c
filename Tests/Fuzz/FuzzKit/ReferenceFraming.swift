/// A second, simple decoder of frames for comparison. It is slow, keeps all its input, and shares no code with the decoder under
/// test.
package struct ReferenceFraming {
    package enum Piece: Hashable {
        case frame(Header, data: [UInt8])
        /// A frame above the limit, which is skipped.
        case oversized(Header)
        /// The bytes are not ttrpc: the first byte is not 0, or the length is above 4 MiB.
        case violation
    }

    package struct Header: Hashable {
        package let length: Int
        package let streamID: UInt32
        package let type: UInt8
        package let flags: UInt8

        package init(length: Int, streamID: UInt32, type: UInt8, flags: UInt8) {
            self.length = length
            self.streamID = streamID
            self.type = type
            self.flags = flags
        }
    }

    private let limit: Int
    private var rest: ArraySlice<UInt8> = []
    /// Remaining bytes of an oversized frame's data.
    private var toSkip = 0
    package private(set) var hasViolation = false

    package init(limit: Int) {
        self.limit = limit
    }

    package var isMidFrame: Bool { !hasViolation && (toSkip > 0 || !rest.isEmpty) }

    /// Returns the pieces that these bytes complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Piece] {
        rest += bytes
        var pieces: [Piece] = []
        while !hasViolation, let piece = next() { pieces.append(piece) }
        return pieces
    }

    private mutating func next() -> Piece? {
        let skipped = min(toSkip, rest.count)
        rest = rest.dropFirst(skipped)
        toSkip -= skipped
        guard let first = rest.first else { return nil }
        guard first == 0 else { return end() }
        guard rest.count >= 4 else { return nil }
        let length = Int(number(at: 0))
        guard length <= 4 << 20 else { return end() }
        guard rest.count >= 10 else { return nil }
        let header = Header(
            length: length, streamID: number(at: 4), type: rest[rest.startIndex + 8], flags: rest[rest.startIndex + 9])
        if length > limit {
            rest = rest.dropFirst(10)
            toSkip = length
            return .oversized(header)
        }
        guard rest.count >= 10 + length else { return nil }
        defer { rest = rest.dropFirst(10 + length) }
        return .frame(header, data: Array(rest.dropFirst(10).prefix(length)))
    }

    private mutating func end() -> Piece {
        hasViolation = true
        return .violation
    }

    private func number(at index: Int) -> UInt32 {
        rest.dropFirst(index).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
