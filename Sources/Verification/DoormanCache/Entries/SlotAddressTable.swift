private import CPrefetch
internal import DoormanCore
internal import DoormanSupport

/// The addresses of the shards' slots, readable without the shards' locks, for prefetch hints only.
///
/// A reader can get outdated values, or an address and a count that don't belong together. A wrong hint accesses no memory.
@safe final class SlotAddressTable: Sendable {
    /// Two numbers per shard: the address of its slots, and their count.
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

    /// Publishes the address and the count of a shard's slots.
    func publish(address: UInt, count: Int, of shard: Int) {
        precondition(shard < self.count / 2)
        unsafe store_relaxed(numbers + 2 * shard, address)
        unsafe store_relaxed(numbers + 2 * shard + 1, UInt(count))
    }

    /// Prefetches the three cache lines of the slot that most likely holds the key's entry.
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
