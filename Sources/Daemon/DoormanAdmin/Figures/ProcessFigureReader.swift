private import DoormanPlatform
internal import NIOConcurrencyHelpers

/// Reads the figures of this process.
///
/// It opens the files of proc(5) when it is created, and keeps them open: a process without free descriptors must still show how many it
/// has.
@safe final class ProcessFigureReader: Sendable {
    /// More than the 52 fields of `/proc/self/stat` can have.
    private static let maximumStatBytes = 4096

    /// `/proc/self/stat`, or negative if it can't be opened.
    private let stat: Int32
    /// The stream of `/proc/self/fd`; `nil` if it can't be opened. Its position is shared, so it is used under the lock only.
    private nonisolated(unsafe) let descriptors: OpaquePointer?
    private let lock = NIOLock()

    init() {
        stat = unsafe open("/proc/self/stat", O_RDONLY | O_CLOEXEC)
        unsafe descriptors = opendir("/proc/self/fd")
    }

    deinit {
        if stat >= 0 { close(stat) }
        if let descriptors = unsafe descriptors { unsafe closedir(descriptors) }
    }

    func read() -> ProcessFigures {
        var figures = ProcessFigures()
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        if let text = statText { figures.add(stat: text, ticksPerSecond: ticks, bootTime: Self.bootTime) }
        figures.openDescriptors = descriptorCount
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maximumDescriptors = UInt64(limit.rlim_cur)
        }
        return figures
    }

    /// The boot of the machine in seconds of Unix time. Read once, so that the start of the process never changes; by clocks, because a
    /// sandbox may hide `/proc/stat`.
    private static let bootTime: Double? = {
        var (wall, sinceBoot) = (timespec(), timespec())
        guard unsafe clock_gettime(CLOCK_REALTIME, &wall) == 0, unsafe clock_gettime(CLOCK_BOOTTIME, &sinceBoot) == 0 else {
            return nil
        }
        func seconds(_ time: timespec) -> Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }
        return seconds(wall) - seconds(sinceBoot)
    }()

    /// The present text of `/proc/self/stat`. The kernel writes it for each read from its beginning.
    private var statText: String? {
        var bytes = [UInt8](repeating: 0, count: Self.maximumStatBytes)
        let count = unsafe pread(stat, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// The number of entries of `/proc/self/fd`, without `.` and `..`.
    private var descriptorCount: UInt64? {
        lock.withLock {
            guard let descriptors = unsafe descriptors else { return nil }
            unsafe rewinddir(descriptors)
            var count: UInt64 = 0
            while unsafe readdir(descriptors) != nil { count += 1 }
            return count < 2 ? nil : count - 2
        }
    }
}
