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

    /// How many arenas of memory its allocator has made beside the first, which is the program's own heap: glibc has each begin at a
    /// multiple of 64 MiB (`HEAP_MAX_SIZE` in its malloc/arena.c). Means nothing under AddressSanitizer, which brings another allocator.
    package var furtherArenaCount: Int {
        // Fields of proc_pid_maps(5): addresses, access, offset, device, inode, and a name where it is not just memory.
        kernelFile("maps").split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            guard fields.count == 5, fields[1] == "rw-p", let start = UInt(fields[0].prefix { $0 != "-" }, radix: 16) else {
                return false
            }
            return start.isMultiple(of: 64 << 20)
        }
    }
}
