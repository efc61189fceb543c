/// Frames of HTTP/2 made by hand, for peers that break the rules.
package enum HTTP2Frame {
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// The preface with empty SETTINGS.
    package static let opening = preface + settings()

    package static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let count = UInt32(payload.count)
        return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), type, flags]
            + bytes(of: stream) + payload
    }

    package static let endStream: UInt8 = 1
    package static let endHeaders: UInt8 = 4

    package static func data(_ stream: UInt32, _ payload: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        frame(0, flags: flags, stream: stream, payload)
    }

    package static func headers(_ stream: UInt32, _ block: [UInt8], flags: UInt8 = endHeaders) -> [UInt8] {
        frame(1, flags: flags, stream: stream, block)
    }

    package static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> [UInt8] { frame(3, stream: stream, bytes(of: code)) }

    package static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        frame(4, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xff)] + bytes(of: $0.1) })
    }

    package static func ping(_ byte: UInt8 = 0) -> [UInt8] { frame(6, Array(repeating: byte, count: 8)) }

    package static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] {
        frame(8, stream: stream, bytes(of: increment))
    }

    package static func continuation(_ stream: UInt32, _ block: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        frame(9, flags: flags, stream: stream, block)
    }

    /// A header as HPACK's literal without indexing.
    package static func literal(_ name: String, _ value: String) -> [UInt8] {
        [0] + string(name) + string(value)
    }

    /// A header as HPACK's literal that enters the table, as its first entry (index 62).
    package static func indexedLiteral(_ name: String, _ value: String) -> [UInt8] {
        [0x40] + string(name) + string(value)
    }

    package static func block(_ headers: [(String, String)]) -> [UInt8] {
        headers.flatMap { literal($0.0, $0.1) }
    }

    private static func string(_ text: String) -> [UInt8] {
        var count = text.utf8.count
        var encoded: [UInt8] = []
        if count < 127 {
            encoded = [UInt8(count)]
        } else {
            encoded = [127]
            count -= 127
            while count >= 128 {
                encoded.append(UInt8(count & 0x7f) | 0x80)
                count >>= 7
            }
            encoded.append(UInt8(count))
        }
        return encoded + Array(text.utf8)
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        [UInt8(number >> 24), UInt8(number >> 16 & 0xff), UInt8(number >> 8 & 0xff), UInt8(number & 0xff)]
    }
}
