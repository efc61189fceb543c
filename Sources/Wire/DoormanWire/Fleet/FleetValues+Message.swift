internal import CDoormanProtos
internal import CProtobufC
internal import DoormanCore
internal import DoormanSupport

// The parts that several messages of a fleet have.

extension MessageArena {
    /// Packs the message that `make` makes in the arena.
    ///
    /// - Returns: `nil` if it exceeds the arena's budget.
    func packing<Message>(
        _ size: (UnsafePointer<Message>?) -> Int, _ pack: (UnsafePointer<Message>?, UnsafeMutablePointer<UInt8>?) -> Int,
        _ make: (UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull) -> Message
    ) -> [UInt8]? {
        unsafe withAllocator { allocator in
            guard var message = unsafe try? make(allocator) else { return nil }
            return unsafe packed(&message, size, pack)
        }
    }
}

extension LogID {
    init(_ message: UnsafeMutablePointer<Doorman__Fleet__V1__LogID>) {
        self.init(unsafe message.pointee.milliseconds, unsafe message.pointee.number)
    }
}

extension Doorman__Fleet__V1__LogID {
    init(_ id: LogID) {
        unsafe self.init()
        unsafe doorman__fleet__v1__log_id__init(&self)
        unsafe milliseconds = id.milliseconds
        unsafe number = id.number
    }
}

extension Timestamp {
    /// The end of something on the wire: 0 for no end.
    ///
    /// - Returns: -1, which no message may have, if the time is out of range.
    var endForWire: Int64 {
        if self == .distantFuture { return 0 }
        return millisecondsSince1970 > 0 ? millisecondsSince1970 : -1
    }

    /// - Returns: `nil` if the end is out of range.
    init?(endOnWire milliseconds: Int64) {
        guard FleetLimits.milliseconds.contains(milliseconds) else { return nil }
        self = milliseconds == 0 ? .distantFuture : Timestamp(millisecondsSince1970: milliseconds)
    }
}

extension TokenKey {
    /// - Returns: `nil` if these are not ``byteCount`` bytes.
    init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = stride(from: 0, to: Self.byteCount, by: 8).map { start in
            bytes[start..<start + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        self.init(words: (words[0], words[1]))
    }
}
