internal import NIOCore

/// Encodes commands: an array of bulk strings each, which RESP2 and RESP3 have in common.
enum RESPCommand {
    static func write(_ arguments: [[UInt8]], to buffer: inout ByteBuffer) {
        writeLength(arguments.count, after: "*", to: &buffer)
        for argument in arguments {
            writeLength(argument.count, after: "$", to: &buffer)
            buffer.writeBytes(argument)
            buffer.writeStaticString("\r\n")
        }
    }

    /// The maximum bytes of an encoded command.
    static func encodedSize(_ arguments: [[UInt8]]) -> Int {
        // A type, 19 digits at most, and two ends of lines.
        arguments.reduce(24) { $0 + 24 + $1.count }
    }

    private static func writeLength(_ length: Int, after type: StaticString, to buffer: inout ByteBuffer) {
        buffer.writeStaticString(type)
        buffer.writeString(String(length))
        buffer.writeStaticString("\r\n")
    }
}
