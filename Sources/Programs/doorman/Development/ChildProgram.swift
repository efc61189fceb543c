private import CProcess
internal import DoormanFiles
private import DoormanPlatform

/// A program that this program has started. On Linux the kernel ends it with this program, even if this program is killed.
struct ChildProgram: Sendable {
    /// A program that cannot be started.
    struct StartError: Error {
        /// The cause in words.
        let cause: String
    }

    let name: String
    /// The file with the program's output and errors.
    let log: String
    private let id: pid_t

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - name: The program's name in messages.
    ///   - command: The path of the program, followed by its arguments.
    ///   - environment: The whole environment, as `NAME=value`.
    ///   - log: The file that receives its output and errors, at its end.
    init(_ name: String, _ command: [String], environment: [String], log: String) async throws(StartError) {
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        guard output >= 0 else { throw StartError(cause: "cannot write '\(log)': \(FileAccessError(errno: errno).cause)") }
        defer { close(output) }
        let result = await withCheckedContinuation { continuation in
            let keeper = Keeper(command: command, environment: environment, output: output, continuation)
            let context = unsafe Unmanaged.passRetained(keeper)
            var thread = pthread_t()
            guard unsafe pthread_create(&thread, nil, startAndWait, context.toOpaque()) == 0 else {
                unsafe context.release()
                return continuation.resume(returning: -EAGAIN)
            }
            pthread_detach(thread)
        }
        guard result > 0 else { throw StartError(cause: FileAccessError(errno: -result).cause) }
        self.name = name
        self.log = log
        id = result
    }

    /// The ending in words, such as `ended with exit code 1`; `nil` while the program runs.
    var ending: String? {
        switch child_status(id, 1) {
        case 256: nil
        case let code where code >= 0: "ended with exit code \(code)"
        case let number: "was ended by signal \(-number)"
        }
    }

    /// Whether the program has ended because of its command line or its settings: EX_USAGE and EX_CONFIG of sysexits.h.
    var hasRefusedArguments: Bool { [64, 78].contains(child_status(id, 1)) }

    /// Asks the program to end.
    func terminate() { kill(id, SIGTERM) }

    /// Kills the program if it still runs, and releases its id. No other method may be called afterwards.
    func killAndRelease() {
        kill(id, SIGKILL)
        _ = waitpid(id, nil, 0)
    }

    /// The last lines of the log, each with a newline.
    func endOfLog(lines count: Int) -> String {
        let bytes = (try? RegularFile.read(log, limit: 16 << 20)) ?? []
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(count)
        return lines.map { "  \(String($0).printable)\n" }.joined()
    }
}

/// Starts a program on a thread of its own, and keeps the thread until the program ends: the kernel ends the program with this thread.
private final class Keeper {
    private let command: [String]
    private let environment: [String]
    private let output: Int32
    /// Gets the program's id, or a negative error code.
    private let started: CheckedContinuation<pid_t, Never>

    init(command: [String], environment: [String], output: Int32, _ started: CheckedContinuation<pid_t, Never>) {
        self.command = command
        self.environment = environment
        self.output = output
        self.started = started
    }

    func run() {
        let arguments = unsafe Self.vector(command)
        let variables = unsafe Self.vector(environment)
        let id = unsafe start_bound_program(command[0], arguments, variables, output)
        let result = id > 0 ? id : -errno
        unsafe arguments.forEach { unsafe free($0) }
        unsafe variables.forEach { unsafe free($0) }
        started.resume(returning: result)
        if id > 0 { _ = child_status(id, 0) }
    }

    /// Returns a null-terminated vector of C strings, which the caller frees.
    private static func vector(_ strings: [String]) -> [UnsafeMutablePointer<CChar>?] {
        unsafe strings.map { unsafe strdup($0) } + [nil]
    }
}

private func startAndWait(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<Keeper>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
