private import Foundation
private import Glibc
private import NIOConcurrencyHelpers

/// A child process, for tests of signals, exit codes and output. Its output goes to files, so it never waits for a reader. It is killed
/// when the last reference is released.
///
/// Used instead of Foundation's `Process`, which leaks on Linux according to LeakSanitizer.
package final class ChildProcess: Sendable {
    package let id: Int32
    private let path: String
    private let standardOutput: NamelessFile
    private let standardError: NamelessFile
    /// The exit code or negative signal number; `nil` while the process runs.
    private let status = NIOLockedValueBox<Int32?>(nil)

    /// - Parameters:
    ///   - path: The program. A name without a slash is searched in `PATH`.
    ///   - environment: The whole environment, apart from a variable that turns the admin pages off: their default port is the same for
    ///     all servers.
    ///   - input: The contents of standard input.
    ///   - terminal: The terminal that takes the place of standard input, output and error.
    ///   - descriptors: Descriptors of this process that the program gets as 3 and up.
    package init(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], input: String = "",
        terminal: PseudoTerminal? = nil, descriptors: [Int32] = []
    ) throws {
        self.path = path
        let standardInput = try NamelessFile(holding: input)
        standardOutput = try NamelessFile()
        standardError = try NamelessFile()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in [standardInput, standardOutput, standardError].enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, terminal?.descriptor ?? file.descriptor, Int32(number))
        }
        // Copies above all targets, so that no target replaces a descriptor that is still to be passed.
        let passed = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, Int32(3 + descriptors.count)) }
        defer { for descriptor in passed { close(descriptor) } }
        for (index, descriptor) in passed.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(3 + index))
        }
        // An inherited descriptor would keep a connection open that this process closes.
        for descriptor in try Self.openDescriptors() where descriptor > 2 + Int32(descriptors.count) {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        Self.unblockSignals(&attributes)
        let argumentVector = CStrings([path] + arguments)
        let environment = environment.merging(["DOORMAN_ADMIN_ADDRESS": ""]) { given, _ in given }
        let environmentVector = CStrings(environment.map { "\($0.key)=\($0.value)" })
        var id = pid_t()
        let result = unsafe posix_spawnp(&id, path, &actions, &attributes, argumentVector.pointers, environmentVector.pointers)
        guard result == 0 else { throw NeverHappened(description: "\(path) can't be started: errno \(result)") }
        self.id = id
    }

    deinit {
        if isRunning {
            kill(id, SIGKILL)
            waitpid(id, nil, 0)
        }
    }

    /// A thread of Swift's pool blocks signals. A program that inherits that, such as redis-server, would not end by SIGTERM.
    private static func unblockSignals(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    }

    private static func openDescriptors() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
    }

    /// Returns the path of a program of this package, which is in the folder of the test program.
    package static func built(_ name: String) -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        let folder = path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: "/")).dropLast()
        return folder.map { "/" + String(decoding: $0, as: UTF8.self) }.joined() + "/" + name
    }

    /// The standard output so far.
    package var output: String { standardOutput.text }

    /// The standard error output so far.
    package var errorOutput: String { standardError.text }

    /// The standard output, followed by the standard error output.
    package var allOutput: String { output + errorOutput }

    package var isRunning: Bool {
        status.withLockedValue { status in
            if status != nil { return false }
            var ended: Int32 = 0
            guard unsafe waitpid(id, &ended, WNOHANG) == id else { return true }
            // WIFEXITED, WEXITSTATUS and WTERMSIG of wait(2).
            status = ended & 0x7F == 0 ? (ended >> 8) & 0xFF : -(ended & 0x7F)
            return false
        }
    }

    package func terminate() {
        if isRunning { kill(id, SIGTERM) }
    }

    /// Sends SIGHUP.
    package func hangUp() {
        if isRunning { kill(id, SIGHUP) }
    }

    /// Stops the process. Its sockets stay open, and it does not respond.
    package func pause() {
        if isRunning { kill(id, SIGSTOP) }
    }

    /// Continues the process after ``pause()``.
    package func resume() {
        if isRunning { kill(id, SIGCONT) }
    }

    /// Kills the process.
    package func killAtOnce() {
        if isRunning { kill(id, SIGKILL) }
    }

    /// Sends SIGINT, as Ctrl-C does.
    package func interrupt() {
        if isRunning { kill(id, SIGINT) }
    }

    /// Waits for the end of the process.
    ///
    /// - Returns: The exit code, or the negative number of the signal that ended the process.
    package func ending(within limit: Duration = .seconds(60)) async throws -> Int32 {
        try await eventually("end of \(path)", within: limit) { !isRunning }
        return status.withLockedValue { $0 ?? 0 }
    }

    /// The command line, which every user of the machine can read.
    package var commandLine: String { kernelFile("cmdline") }

    /// Returns the contents of a file of proc(5).
    func kernelFile(_ name: String) -> String {
        let file = unsafe open("/proc/\(id)/\(name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        // The kernel returns a page at a time of some files, even if more is requested.
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = unsafe read(file, &part, part.count), count > 0 { bytes += part.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A temporary file whose name is removed at once.
private final class NamelessFile: Sendable {
    let descriptor: Int32

    init(holding text: String = "") throws {
        var path = Array("/tmp/doorman-child-XXXXXX".utf8CString)
        descriptor = unsafe mkstemp(&path)
        guard descriptor >= 0 else { throw NeverHappened(description: "no temporary file: errno \(errno)") }
        unsafe unlink(path)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let bytes = Array(text.utf8)
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw NeverHappened(description: "a temporary file can't be written: errno \(errno)")
        }
    }

    deinit {
        close(descriptor)
    }

    var text: String {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe pread(descriptor, &part, part.count, off_t(all.count))
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += part.prefix(count)
        }
    }
}

/// A null-terminated vector of C strings, as `execve(2)` requires.
@safe private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        unsafe pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    }

    deinit {
        for index in unsafe pointers.indices { unsafe free(pointers[index]) }
    }
}
