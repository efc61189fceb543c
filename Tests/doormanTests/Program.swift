import Glibc
import TestKit

/// The built `doorman`, which lies beside the program that runs these tests.
///
/// Started with `posix_spawn`, its streams in files: nothing is inherited, so that runs at the same time can't hold each other's
/// pipes open, and Foundation's `Process`, which leaks, is not needed.
enum Program {
    struct Ending: Sendable, Equatable {
        let status: Int32
        let output: String
        let error: String
    }

    struct Failure: Error {
        let call: String
        let errorNumber: Int32
    }

    static let path: String = {
        var target = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &target, target.count)
        let tests = String(decoding: target[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return tests.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/doorman"
    }()

    static var isThere: Bool { unsafe access(path, X_OK) == 0 }

    /// Runs it to its end.
    ///
    /// - Parameter environment: All of it.
    static func run(_ arguments: [String], input: String = "", environment: [String] = []) async throws -> Ending {
        let folder = "/tmp/doorman-tests-\(UInt64.random(in: 0...(.max)))"
        try unsafe check("mkdir", mkdir(folder, 0o700))
        defer {
            for name in ["in", "out", "err"] { _ = unsafe unlink("\(folder)/\(name)") }
            _ = unsafe rmdir(folder)
        }
        try write(Array(input.utf8), to: "\(folder)/in")
        let process = try spawn([path] + arguments, environment, streams: folder)
        var status: Int32 = 0
        try await eventually("the program ends", within: .seconds(60)) { unsafe waitpid(process, &status, WNOHANG) == process }
        // A signal's number counts as a status that no test expects.
        return Ending(
            status: status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f), output: try read("\(folder)/out"),
            error: try read("\(folder)/err"))
    }

    private static func spawn(_ arguments: [String], _ environment: [String], streams folder: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        let writing = O_WRONLY | O_CREAT | O_TRUNC
        for (stream, name, flags) in [(0, "in", O_RDONLY), (1, "out", writing), (2, "err", writing)] as [(Int32, String, Int32)] {
            _ = unsafe posix_spawn_file_actions_addopen(&actions, stream, "\(folder)/\(name)", flags, 0o600)
        }
        let argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        let envp = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            for index in unsafe argv.indices { unsafe free(argv[index]) }
            for index in unsafe envp.indices { unsafe free(envp[index]) }
        }
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, path, &actions, nil, argv, envp)
        guard result == 0 else { throw Failure(call: "posix_spawn", errorNumber: result) }
        return process
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try unsafe check("open", open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600))
        defer { close(file) }
        try check("write", Int32(unsafe Glibc.write(file, bytes, bytes.count)))
    }

    /// Up to 64 KiB of a file.
    private static func read(_ path: String) throws -> String {
        let file = try unsafe check("open", open(path, O_RDONLY))
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = Int(try unsafe check("read", Int32(Glibc.read(file, &bytes, bytes.count))))
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @discardableResult
    private static func check(_ call: String, _ result: Int32) throws -> Int32 {
        guard result >= 0 else { throw Failure(call: call, errorNumber: errno) }
        return result
    }
}
