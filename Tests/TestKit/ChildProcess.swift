private import Foundation
private import Glibc
private import NIOConcurrencyHelpers

/// A program as a process of its own, for what only a process can show: signals, exit codes, all that it prints. What it prints
/// goes to files, so it never waits for a reader. Killed when nobody holds it any more.
///
/// Foundation's `Process` leaks on Linux, which LeakSanitizer reports.
package final class ChildProcess: Sendable {
    let id: Int32
    private let path: String
    private let standardOutput: NamelessFile
    private let standardError: NamelessFile
    /// Nil while it runs.
    private let status = NIOLockedValueBox<Int32?>(nil)

    /// - Parameters:
    ///   - path: The program; one without a slash is looked for in `PATH`.
    ///   - environment: All of its environment.
    ///   - input: What it reads from standard input.
    package init(_ path: String, _ arguments: [String] = [], environment: [String: String] = [:], input: String = "") throws {
        self.path = path
        let standardInput = try NamelessFile(holding: input)
        standardOutput = try NamelessFile()
        standardError = try NamelessFile()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in [standardInput, standardOutput, standardError].enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, file.descriptor, Int32(number))
        }
        // Else it would hold open what this process closes, and the peer of such a connection would not hear of its end.
        for descriptor in try Self.openDescriptors() where descriptor > 2 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        let argumentVector = CStrings([path] + arguments)
        let environmentVector = CStrings(environment.map { "\($0.key)=\($0.value)" })
        var id = pid_t()
        let result = unsafe posix_spawnp(&id, path, &actions, nil, argumentVector.pointers, environmentVector.pointers)
        guard result == 0 else { throw NeverHappened(description: "\(path) can't be started: errno \(result)") }
        self.id = id
    }

    deinit {
        if isRunning {
            kill(id, SIGKILL)
            waitpid(id, nil, 0)
        }
    }

    private static func openDescriptors() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
    }

    /// Where one of our own programs lies: beside the program that runs the tests.
    package static func built(_ name: String) -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        let folder = path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: "/")).dropLast()
        return folder.map { "/" + String(decoding: $0, as: UTF8.self) }.joined() + "/" + name
    }

    /// What it has printed so far to standard output.
    package var output: String { standardOutput.text }

    /// What it has printed so far to standard error.
    package var errorOutput: String { standardError.text }

    /// Both, one after the other.
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

    /// Sends it SIGHUP.
    package func hangUp() {
        if isRunning { kill(id, SIGHUP) }
    }

    /// Stops it where it is: its sockets stay open, and it answers nothing.
    package func pause() {
        if isRunning { kill(id, SIGSTOP) }
    }

    /// Lets it go on after ``pause()``.
    package func resume() {
        if isRunning { kill(id, SIGCONT) }
    }

    /// Ends it without a word.
    package func killAtOnce() {
        if isRunning { kill(id, SIGKILL) }
    }

    /// What Ctrl-C does.
    package func interrupt() {
        if isRunning { kill(id, SIGINT) }
    }

    /// Waits for its end.
    ///
    /// - Returns: Its exit code, or minus the number of the signal that ended it.
    package func ending(within limit: Duration = .seconds(60)) async throws -> Int32 {
        try await eventually("\(path) ends", within: limit) { !isRunning }
        return status.withLockedValue { $0 ?? 0 }
    }

    /// Its command line, as every user of the machine may read it.
    package var commandLine: String { kernelFile("cmdline") }

    /// What the kernel tells of it in a file of proc(5).
    func kernelFile(_ name: String) -> String {
        let file = unsafe open("/proc/\(id)/\(name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        // The kernel gives a page at a time of some files, however much is asked for.
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = unsafe read(file, &part, part.count), count > 0 { bytes += part.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A file that nobody else sees: its name is gone at once.
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

/// A vector of C strings, ended by nil, as `execve(2)` wants it.
@safe private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        unsafe pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    }

    deinit {
        for index in unsafe pointers.indices { unsafe free(pointers[index]) }
    }
}
