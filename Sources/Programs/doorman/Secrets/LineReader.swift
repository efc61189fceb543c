/// Reads lines as they arrive, so that the first line of a pipe is used before the last is written.
struct LineReader {
    enum Event: Equatable {
        /// A line without its newline, LF or CRLF. The first line has the number 1.
        case line(String, number: Int)
        /// A line that is longer than the maximum.
        case tooLong(number: Int)
        case end
        case unreadable
    }

    /// The default of the maximum length of a line, in bytes.
    static let defaultMaximumLength = 256

    private let maximumLength: Int
    private let read: () -> [UInt8]?
    private var pending: ArraySlice<UInt8> = []
    private var number = 0

    /// - Parameters:
    ///   - maximumLength: The maximum length of a line, in bytes. Default 256.
    ///   - read: Waits for the next bytes and returns them. Returns no bytes at the end, and `nil` after an error. By default reads
    ///     standard input.
    init(
        maximumLength: Int = Self.defaultMaximumLength, read: @escaping () -> [UInt8]? = { StandardStreams.readMoreInput() }
    ) {
        self.maximumLength = maximumLength
        self.read = read
    }

    /// Returns the next line. The last line may lack its newline.
    mutating func next() -> Event {
        var scanned = 0
        while true {
            if let end = pending.dropFirst(scanned).firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending[..<end]
                pending = pending[(end + 1)...]
                return event(line)
            }
            scanned = pending.count
            guard scanned <= maximumLength else { return event(pending) }
            guard let more = read() else { return .unreadable }
            guard !more.isEmpty else {
                let line = pending
                pending = []
                return line.isEmpty ? .end : event(line)
            }
            pending = pending + more
        }
    }

    private mutating func event(_ line: ArraySlice<UInt8>) -> Event {
        number += 1
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        return line.count > maximumLength ? .tooLong(number: number) : .line(String(decoding: line, as: UTF8.self), number: number)
    }
}
