private import Glibc

/// The resources of a process as the kernel reports them.
extension ChildProcess {
    /// The number of open files and sockets.
    package var descriptorCount: Int {
        guard let folder = unsafe opendir("/proc/\(id)/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Excludes "." and "..".
        return count - 2
    }

    /// The resident memory in bytes.
    package var residentBytes: Int {
        // The second number of proc_pid_statm(5), in pages.
        let fields = kernelFile("statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }

    /// The number of allocator arenas beside the main arena. In glibc each begins at a multiple of 64 MiB (`HEAP_MAX_SIZE` in
    /// malloc/arena.c). Meaningless under AddressSanitizer, which has an allocator of its own.
    package var furtherArenaCount: Int {
        // Fields of proc_pid_maps(5): addresses, access, offset, device, inode, and a name unless it is anonymous memory.
        kernelFile("maps").split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            guard fields.count == 5, fields[1] == "rw-p", let start = UInt(fields[0].prefix { $0 != "-" }, radix: 16) else {
                return false
            }
            return start.isMultiple(of: 64 << 20)
        }
    }
}
