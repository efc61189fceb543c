internal import DoormanFiles
private import DoormanPlatform

/// What the kernel reports about this process. A figure that can't be read is `nil`. See proc(5).
package struct ProcessFigures: Sendable, Hashable {
    /// The user and system time of all threads in seconds.
    package var cpuSeconds: Double?
    package var residentBytes: UInt64?
    package var virtualBytes: UInt64?
    package var openDescriptors: UInt64?
    /// The soft limit of open descriptors.
    package var maximumDescriptors: UInt64?
    /// The start of the process in seconds of Unix time.
    package var startTime: Double?
    package var threads: UInt64?

    package init() {}

    /// Reads the figures of this process.
    package static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        if let text = text("/proc/self/stat") { figures.add(stat: text, ticksPerSecond: ticks, bootTime: bootTime) }
        figures.openDescriptors = countEntries(of: "/proc/self/fd")
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maximumDescriptors = UInt64(limit.rlim_cur)
        }
        return figures
    }

    /// Adds the figures of `/proc/self/stat`. Its second field is the name in parentheses, which may itself contain spaces and parentheses.
    ///
    /// - Parameters:
    ///   - ticksPerSecond: The unit of its times.
    ///   - bootTime: The boot of the machine in seconds of Unix time.
    mutating func add(stat text: String, ticksPerSecond: Double, bootTime: Double?) {
        guard let end = text.lastIndex(of: ")") else { return }
        // The first of these fields has the number 3 in proc(5).
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> UInt64? { fields.indices.contains(number - 3) ? UInt64(fields[number - 3]) : nil }
        if let user = field(14), let system = field(15) { cpuSeconds = Double(user + system) / ticksPerSecond }
        threads = field(20)
        if let start = field(22), let bootTime { startTime = bootTime + Double(start) / ticksPerSecond }
        virtualBytes = field(23)
        residentBytes = field(24).map { $0 * UInt64(max(1, sysconf(Int32(_SC_PAGESIZE)))) }
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

    private static let maximumFileBytes = 1 << 16

    private static func text(_ path: String) -> String? {
        (try? RegularFile.read(path, limit: maximumFileBytes)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func countEntries(of folder: String) -> UInt64? {
        guard let directory = unsafe opendir(folder) else { return nil }
        defer { unsafe closedir(directory) }
        var count: UInt64 = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the descriptor of the folder itself.
        return count < 3 ? nil : count - 3
    }
}
