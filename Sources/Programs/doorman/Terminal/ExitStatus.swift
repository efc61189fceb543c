private import DoormanPlatform

/// How the program ends, for the script that called it. Thrown once everything was printed.
enum ExitStatus: Int32, Error {
    /// The token is valid, the code was exchanged, the revocation is done, the server serves, every call of a load was answered.
    case success = 0
    /// The token or code was rejected, or a token of a load was.
    case rejected = 1
    /// The command line, or something that it names, can't be used; nobody was asked.
    case wrongUse = 2
    /// There is no verdict, or not for each call of a load.
    case unavailable = 3

    static func leave(with status: ExitStatus) -> Never {
        exit(status.rawValue)
    }
}
