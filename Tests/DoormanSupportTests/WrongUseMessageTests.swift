import Testing

@testable import DoormanSupport

@Suite("Messages of the argument parser")
struct WrongUseMessageTests {
    @Test(
        "keep names and lose values",
        arguments: [
            ("The value 'PLANTED' is invalid for '--port <port>'", "the value … is invalid for --port <port>"),
            ("Unexpected argument '<PLANTED>'", "unexpected argument …"),
            ("2 unexpected arguments: 'a', 'PLANTED'", "2 unexpected arguments: …, …"),
            ("Unknown option '-pPLANTED'", "unknown option -p"), ("Unknown option '--portPLANTED'", "unknown option --port…"),
            ("Unknown option '--prt'. Did you mean '--port'?", "unknown option --prt. Did you mean --port?"),
            ("Missing expected argument '<shell>'", "missing expected argument <shell>"),
            (
                "The value 'x' is invalid for '<shell>'. Please provide one of 'a' and 'b'.",
                "the value … is invalid for <shell>. Please provide one of a and b."
            ),
            (
                "The option '--yes' does not take any value, but 'PLANTED' was specified.",
                "the option --yes does not take any value, but … was specified."
            ),
        ])
    func values(text: String, shown: String) {
        #expect(WrongUse.withoutValues(text) == shown)
    }

    @Test(
        "lose a value that pretends to end",
        arguments: ["y'PLANTED", "y' PLANTED 'z", "'", "a' is invalid for 'PLANTED", "''PLANTED"])
    func marks(value: String) {
        let message = WrongUse.message(about: ["--timeout", value]) {
            "The value '\($0[1])' is invalid for '\($0[0]) <duration>': it is wrong"
        }
        #expect(message == "the value … is invalid for --timeout <duration>: it is wrong")
    }
}
