private import Glibc

/// What the kernel says that a process holds, for tests of what it must not lose.
extension ChildProcess {
    /// Files and sockets that it has open.
    package var descriptorCount: Int {
        guard let folder = unsafe opendir("/proc/\(id)/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Without "." and "..".
        return count - 2
    }

    /// Memory that it has in use, in bytes.
    package var residentBytes: Int {
        // The second number of proc_pid_statm(5), in pages.
        let fields = kernelFile("statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }
}
