/// Standard input line by line, as it comes, so that a pipe's first line is used before its last was written.
struct LineReader {
    enum Event: Equatable {
        /// Without its end, of either kind. Lines are numbered from 1.
        case line(String, number: Int)
        /// Longer than it may be.
        case tooLong(number: Int)
        case end
        case unreadable
    }

    /// The longest line that is taken, in bytes, unless another length is asked for.
    static let longest = 256

    private let longest: Int
    private let read: () -> [UInt8]?
    private var pending: ArraySlice<UInt8> = []
    private var number = 0

    /// - Parameters:
    ///   - longest: The longest line that is taken, in bytes. Default 256.
    ///   - read: The next bytes, waiting for them; none at the end, nil if there is an error.
    init(longest: Int = Self.longest, read: @escaping () -> [UInt8]? = { StandardStreams.readMoreInput() }) {
        self.longest = longest
        self.read = read
    }

    /// The next line. The last one may lack its end.
    mutating func next() -> Event {
        var scanned = 0
        while true {
            if let end = pending.dropFirst(scanned).firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending[..<end]
                pending = pending[(end + 1)...]
                return event(line)
            }
            scanned = pending.count
            guard scanned <= longest else { return event(pending) }
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
        return line.count > longest ? .tooLong(number: number) : .line(String(decoding: line, as: UTF8.self), number: number)
    }
}
