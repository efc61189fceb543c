private import Glibc

/// A child process whose output is read through a pipe.
struct Program: Sendable {
    let output: Descriptor
    private let id: pid_t

    init(_ arguments: [String]) throws {
        var pipes: [CInt] = [0, 0]
        guard unsafe pipe(&pipes) == 0 else { throw ProgramFailure(program: "pipe") }
        for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        let argumentVector: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe argumentVector.forEach { unsafe free($0) } }
        var id = pid_t()
        let result = unsafe posix_spawnp(&id, arguments[0], &actions, nil, argumentVector, environ)
        Glibc.close(pipes[1])
        output = Descriptor(number: pipes[0])
        self.id = id
        guard result == 0 else {
            output.close()
            throw ProgramFailure(program: arguments[0])
        }
    }

    func readAll() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let more = output.read()
            if more.isEmpty { return all }
            all += more
        }
    }

    func kill() {
        Glibc.kill(id, SIGKILL)
    }

    /// - Returns: What `waitpid(2)` reports; 0 for a good end.
    func waitForEnd() -> CInt {
        var status: CInt = 0
        unsafe waitpid(id, &status, 0)
        output.close()
        return status
    }
}

struct ProgramFailure: Error {
    let program: String
}
