import ArgumentParser
import Testing

@testable import doorman

@Suite("Advice about a command line")
struct CommandLineAdviceTests {
    @Test(
        "a word in the place of a command names the command that was meant",
        arguments: [
            (["verfy"], "doorman verify"), (["veriyf"], "doorman verify"), (["ver"], "doorman verify"),
            (["account"], "doorman accounts"), (["accounts", "lst"], "doorman accounts list"),
            (["accounts", "delte", "1"], "doorman accounts delete"), (["login", "--phone", "1"], "doorman dev login"),
            (["dev", "lgoin"], "doorman dev login"), (["status"], "doorman health"), (["logout"], "doorman revoke"),
            (["list"], "doorman accounts list"), (["top"], "doorman stats --watch"), (["benhc"], "doorman bench"),
        ])
    func command(arguments: [String], meant: String) {
        #expect(CommandLineAdvice(arguments: arguments).unknownCommand?.message.hasSuffix("did you mean '\(meant)'?") == true)
    }

    @Test("a word that is near no command gets no suggestion, and is not repeated")
    func farAway() {
        #expect(CommandLineAdvice(arguments: ["xyzzy"]).unknownCommand?.message == "unknown command of 'doorman'")
        let token = CommandLineAdvice(arguments: ["EMAWverysecrettokenofauser"]).unknownCommand?.message
        #expect(token == "unknown command of 'doorman'")
    }

    @Test(
        "a known command is no mistake", arguments: [["verify", "x"], ["accounts", "list"], ["--help"], []])
    func known(arguments: [String]) {
        #expect(CommandLineAdvice(arguments: arguments).unknownCommand == nil)
    }

    @Test(
        "--json is seen in all its forms before '--' only",
        arguments: [
            (["verify", "--json"], true), (["verify", "-j"], true), (["verify", "-vj"], true), (["verify", "--", "--json"], false),
            (["verify", "--nope"], false), (["verify", "-"], false), (["verify", "-jx"], false),
        ])
    func json(arguments: [String], isWanted: Bool) {
        #expect(CommandLineAdvice(arguments: arguments).wantsJSON == isWanted)
    }
}
