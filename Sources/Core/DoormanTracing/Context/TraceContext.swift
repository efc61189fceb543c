/// The trace that a request belongs to, as W3C Trace Context defines it: the fields `traceparent` and `tracestate`.
///
/// It only exists for valid fields, so it can be sent on as it is. It holds ids and what tracing systems add to them, no secret.
package struct TraceContext: Sendable, Hashable {
    /// The maximum length of a `tracestate`, in bytes. Systems must pass on at least 512 bytes (section 3.3.1.5).
    package static let maximumStateBytes = 512
    /// The length of a `traceparent` of version 00, in bytes.
    static let parentBytes = 55
    private static let maximumStateMembers = 32

    /// The ids of the trace and of the caller's span, in version 00: `00-TRACE-SPAN-FLAGS`.
    package let traceparent: String
    /// The list of what tracing systems add. Empty for none.
    package let tracestate: String
    /// Whether the caller may have recorded its span.
    package let isSampled: Bool

    /// Reads the fields of a request.
    ///
    /// - Parameters:
    ///   - traceparent: A later version than 00 is read as far as 00 defines it, and passed on as 00 (section 4.3).
    ///   - tracestate: Empty without the field. Dropped if it is malformed or too long.
    /// - Returns: `nil` for a malformed `traceparent`.
    package init?(traceparent: String, tracestate: String = "") {
        var parent = Array(traceparent.utf8.prefix(Self.parentBytes))
        guard Self.isValid(parent), let flags = UInt8(hexadecimal: parent.suffix(2)) else { return nil }
        let isFirstVersion = parent.starts(with: "00-".utf8)
        let rest = traceparent.utf8.dropFirst(Self.parentBytes)
        guard rest.isEmpty || !isFirstVersion && rest.first == UInt8(ascii: "-") else { return nil }
        isSampled = flags & 1 == 1
        if !isFirstVersion {
            // The meaning of its other flags is unknown.
            parent.replaceSubrange(0..<2, with: "00".utf8)
            parent.replaceSubrange(53..<55, with: (isSampled ? "01" : "00").utf8)
        }
        self.traceparent = String(decoding: parent, as: UTF8.self)
        self.tracestate = Self.isValid(state: tracestate) ? tracestate : ""
    }

    /// The trace's id: 32 hexadecimal digits.
    package var traceID: String { String(decoding: traceparent.utf8.dropFirst(3).prefix(32), as: UTF8.self) }

    /// Whether the bytes are `VERSION-TRACE-SPAN-FLAGS`, with ids that are not zero.
    private static func isValid(_ parent: [UInt8]) -> Bool {
        guard parent.count == parentBytes else { return false }
        for (index, byte) in parent.enumerated() {
            guard [2, 35, 52].contains(index) ? byte == UInt8(ascii: "-") : byte.isLowercaseHexadecimal else { return false }
        }
        return !parent.starts(with: "ff".utf8) && parent[3..<35].contains { $0 != UInt8(ascii: "0") }
            && parent[36..<52].contains { $0 != UInt8(ascii: "0") }
    }

    // MARK: - The state

    /// Whether the text is a list of members (section 3.3.1) that a header field of HTTP can hold.
    private static func isValid(state: String) -> Bool {
        guard state.utf8.count <= maximumStateBytes, state.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else { return false }
        let members = state.utf8.split(separator: UInt8(ascii: ","))
        guard members.count <= maximumStateMembers else { return false }
        var keys: Set<String> = []
        for member in members {
            guard let text = trimmed(member) else { continue }
            guard let separator = text.firstIndex(of: UInt8(ascii: "=")) else { return false }
            let (key, value) = (text[..<separator], text[text.index(after: separator)...])
            guard isValid(key: key), (1...256).contains(value.count), !value.contains(UInt8(ascii: "=")) else { return false }
            guard keys.insert(String(decoding: key, as: UTF8.self)).inserted else { return false }
        }
        return !keys.isEmpty
    }

    /// - Returns: `nil` if nothing is left.
    private static func trimmed(_ member: Substring.UTF8View) -> Substring.UTF8View? {
        let space = UInt8(ascii: " ")
        guard let first = member.firstIndex(where: { $0 != space }), let last = member.lastIndex(where: { $0 != space }) else {
            return nil
        }
        return member[first...last]
    }

    /// Whether the bytes are a key, or a tenant, `@` and a system.
    private static func isValid(key: Substring.UTF8View) -> Bool {
        let parts = key.split(separator: UInt8(ascii: "@"), maxSplits: 1, omittingEmptySubsequences: false)
        guard key.count <= 256, parts.count <= 2 else { return false }
        return parts.allSatisfy { part in
            guard let first = part.first, first.isLowercaseLetter || first.isDigit else { return false }
            return part.allSatisfy { $0.isLowercaseLetter || $0.isDigit || "_-*/".utf8.contains($0) }
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }

    fileprivate var isLowercaseHexadecimal: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self) }

    fileprivate init?(hexadecimal digits: some Collection<UInt8>) {
        self.init(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
