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
}
