internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire

/// An argument of a command.
struct RESPArgument: ExpressibleByStringLiteral {
    let bytes: [UInt8]

    init(stringLiteral text: String) {
        bytes = Array(text.utf8)
    }

    static func bytes(_ bytes: [UInt8]) -> RESPArgument { RESPArgument(bytes: bytes) }

    static func number(_ number: some BinaryInteger) -> RESPArgument { RESPArgument(bytes: Array("\(number)".utf8)) }

    /// Whole milliseconds: at least 1, because Redis refuses a lifetime of 0.
    static func milliseconds(_ duration: Duration) -> RESPArgument { number(max(1, duration.millisecondsRoundedUp)) }

    static func id(_ id: LogID) -> RESPArgument { RESPArgument(bytes: Array(id.description.utf8)) }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
