internal import NIOCore

/// Writes JSON (RFC 8259) into a buffer, without white space. The caller writes members in objects only, and ends each object.
struct JSONBufferWriter {
    private var buffer = ByteBuffer()
    private var needsComma = false

    /// Appends to a buffer. The buffer is not copied.
    static func append(to buffer: inout ByteBuffer, _ body: (inout JSONBufferWriter) -> Void) {
        var writer = JSONBufferWriter()
        swap(&writer.buffer, &buffer)
        body(&writer)
        swap(&writer.buffer, &buffer)
    }

    mutating func object(_ members: (inout JSONBufferWriter) -> Void) {
        buffer.writeStaticString("{")
        needsComma = false
        members(&self)
        buffer.writeStaticString("}")
        needsComma = true
    }

    mutating func object(_ name: StaticString, _ members: (inout JSONBufferWriter) -> Void) {
        write(name: name)
        object(members)
    }

    mutating func string(_ name: StaticString, _ value: String) {
        write(name: name)
        write(text: value)
    }

    mutating func string(_ name: String, _ value: String) {
        separate()
        write(text: name)
        buffer.writeStaticString(":")
        write(text: value)
    }

    /// Writes a text without characters that need an escape.
    mutating func string(_ name: StaticString, _ value: StaticString) {
        write(name: name)
        buffer.writeStaticString("\"")
        buffer.writeStaticString(value)
        buffer.writeStaticString("\"")
    }

    mutating func strings(_ name: StaticString, _ values: [String]) {
        write(name: name)
        buffer.writeStaticString("[")
        for (index, value) in values.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            write(text: value)
        }
        buffer.writeStaticString("]")
    }

    mutating func number(_ name: StaticString, _ value: Int64) {
        write(name: name)
        buffer.writeString(String(value))
    }

    /// Writes a number as a string, as the JSON mapping of proto3 says for 64 bits.
    mutating func numberAsString(_ name: StaticString, _ value: Int64) {
        write(name: name)
        buffer.writeStaticString("\"")
        buffer.writeString(String(value))
        buffer.writeStaticString("\"")
    }

    mutating func isTrue(_ name: StaticString) {
        write(name: name)
        buffer.writeStaticString("true")
    }

    private mutating func write(name: StaticString) {
        separate()
        buffer.writeStaticString("\"")
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
    }

    private mutating func separate() {
        if needsComma { buffer.writeStaticString(",") }
        needsComma = true
    }

    private mutating func write(text: String) {
        buffer.writeStaticString("\"")
        if text.utf8.contains(where: Self.needsEscape) {
            for byte in text.utf8 { writeEscaped(byte) }
        } else {
            buffer.writeString(text)
        }
        buffer.writeStaticString("\"")
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
        case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
        case 0..<0x20:
            buffer.writeStaticString("\\u00")
            for digit in [byte >> 4, byte & 0xf] {
                buffer.writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        default: buffer.writeInteger(byte)
        }
    }
}
