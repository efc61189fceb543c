private import CPrefetch
internal import DoormanCore
internal import DoormanSupport

/// Where the shards' entries lie, known without their locks, for hints to the processor and nothing else: what is read here may be of
/// before, or half of before. A hint that is wrong touches no memory.
@safe final class SlotAddressTable: Sendable {
    /// Two of each shard: the address of its slots, and how many there are.
    private nonisolated(unsafe) let numbers: UnsafeMutablePointer<UInt>
    private let count: Int

    init(shards: Int) {
        count = 2 * shards
        unsafe numbers = .allocate(capacity: count)
        unsafe numbers.initialize(repeating: 0, count: count)
    }

    deinit {
        unsafe numbers.deallocate()
    }

    /// The shard's slots have another address, or are another number.
    func publish(address: UInt, count: Int, of shard: Int) {
        precondition(shard < self.count / 2)
        unsafe store_relaxed(numbers + 2 * shard, address)
        unsafe store_relaxed(numbers + 2 * shard + 1, UInt(count))
    }

    /// Has the three lines fetched in which the key's entry most likely is.
    @inline(__always)
    func prefetch(_ key: TokenKey, in shard: Int) {
        precondition(shard < count / 2)
        let home = LRUSegment.home(of: key, among: unsafe load_relaxed(numbers + 2 * shard + 1))
        let start = unsafe load_relaxed(numbers + 2 * shard) &+ home &* UInt(LRUSegment.slotSize)
        prefetch_for_writing(start)
        prefetch_for_writing(start &+ 64)
        prefetch_for_writing(start &+ 128)
    }
}
