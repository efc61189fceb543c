internal import DoormanFiles
private import DoormanPlatform

/// Standard output that cannot be written, such as a full disk or a pipe that its reader has closed.
struct OutputError: Error, Equatable {
    /// The system's error code. See errno(3).
    let errno: Int32

    /// Whether the reader has closed the pipe, as `head` does.
    var isClosedPipe: Bool { errno == EPIPE }

    /// Ends the program as a closed pipe ends other programs: without a message.
    static func endByClosedPipe() { StandardStreams.end(bySignal: SIGPIPE) }

    /// The line for standard error, with the next step.
    var line: String {
        FailureReport.line(
            "cannot write to standard output: \(FileAccessError(errno: errno).cause)",
            next: "Check the disk or the file that the output goes to, and repeat the command.")
    }
}
