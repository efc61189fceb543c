private import DoormanPlatform

/// The exit codes of the program. A command throws its status after it has printed everything.
enum ExitStatus: Int32, Error {
    /// The token is valid, or the command succeeded.
    case success = 0
    /// The token or code was rejected. In a load test: at least one token was rejected.
    case rejected = 1
    /// The command line, or a file or line that it names, is invalid.
    case wrongUse = 2
    /// There is no verdict, or the server is not serving. In a load test: at least one call had no verdict.
    case unavailable = 3
    /// Standard output could not be written.
    case outputFailed = 4

    static func leave(with status: ExitStatus) -> Never {
        exit(status.rawValue)
    }
}
