internal import DoormanCore
internal import DoormanSupport

extension LRUSegment {
    /// What a hit touches, in three lines of the processor's cache that lie side by side: key, times and links in one, the reply in
    /// two. The vectors' alignment is their 64 bytes; as a struct of numbers most slots would begin in the middle of a line.
    struct Slot: BitwiseCopyable {
        static let none: UInt32 = .max
        /// In place of ``refreshAt`` once the refresh has begun.
        static let refreshBegun: UInt64 = .max
        /// In place of ``refreshAt`` where the entry is given past its time.
        static let stale: UInt64 = .max - 1

        private var words = SIMD8<UInt64>()
        var reply = PackedReply.Short()

        /// One that is no entry's.
        static let free = Slot(key: TokenKey(words: (0, 0, 0, 0)))

        init(key: TokenKey) {
            self.key = key
            links = UInt64.max
        }

        var key: TokenKey {
            get { TokenKey(words: (words[0], words[1], words[2], words[3])) }
            set { (words[0], words[1], words[2], words[3]) = newValue.words }
        }
        var verifiedAt: UInt64 {
            get { words[4] }
            set { words[4] = newValue }
        }
        /// Until when it is given: its time, or some moments more while the provider can't be asked. 0 where no entry is.
        var usableUntil: UInt64 {
            get { words[5] }
            set { words[5] = newValue }
        }
        var refreshAt: UInt64 {
            get { words[6] }
            set { words[6] = newValue }
        }
        /// The neighbour used next after this one.
        var newer: UInt32 {
            get { UInt32(truncatingIfNeeded: links) }
            set { links = links & ~0xffff_ffff | UInt64(newValue) }
        }
        var older: UInt32 {
            get { UInt32(truncatingIfNeeded: links >> 32) }
            set { links = links & 0xffff_ffff | UInt64(newValue) << 32 }
        }
        private var links: UInt64 {
            get { words[7] }
            set { words[7] = newValue }
        }
    }

    /// Bytes from one slot to the next.
    static let slotSize = MemoryLayout<Slot>.stride

    /// Which of the slots is the key's home.
    @inline(__always)
    static func home(of key: TokenKey, among count: UInt) -> UInt {
        UInt(key.placeBits.multipliedFullWidth(by: UInt64(count)).high)
    }
}
