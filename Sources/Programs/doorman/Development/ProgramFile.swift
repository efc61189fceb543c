private import DoormanPlatform

/// Finds the programs of this package that are installed.
enum ProgramFile {
    /// Returns the path of a program: beside this program, otherwise in a folder of `PATH`. Returns `nil` if it is in neither.
    static func find(_ name: String) -> String? {
        let path = StandardStreams.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        let folders = [ownFolder].compactMap(\.self) + path.split(separator: ":").map(String.init)
        return folders.map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 && isRegular($0) }
    }

    /// The folder of this program, or `nil` if the system does not tell it.
    private static var ownFolder: String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        let path = buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:))
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(decoding: path[..<slash], as: UTF8.self)
    }

    private static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
