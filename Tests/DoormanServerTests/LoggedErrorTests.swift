import DoormanServer
import NIOCore
import Testing

@Suite("Errors of connections in the log")
struct LoggedErrorTests {
    private struct Revealing: Error, CustomStringConvertible {
        let description = "token=planted"
    }

    @Test("an error of the socket shows its reason")
    func socket() {
        #expect(LoggedError(IOError(errnoCode: 104, reason: "read")).description.contains("read"))
        #expect(LoggedError(ChannelError.eof).description == "\(ChannelError.eof)")
    }

    @Test(
        "an error that may hold what the peer sent shows its type alone",
        arguments: [
            Revealing(), ByteToMessageDecoderError.dataReceivedInErrorState(Revealing(), ByteBuffer(string: "token=planted")),
        ] as [any Error])
    func decoder(error: any Error) {
        let text = LoggedError(error).description
        #expect(!text.contains("planted") && !text.contains("706c616e746564"))
        #expect(!text.isEmpty)
    }
}
