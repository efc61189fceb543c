import TestKit
import Testing

@Suite("Wrong use of doorman", .timeLimit(.minutes(2)))
struct WrongUseTests {
    /// Plausible wrong command lines, each with a part of its message.
    private static let table: [(arguments: [String], message: String)] = [
        (["verfy"], "'verfy' is not a command: did you mean 'doorman verify'? See 'doorman --help'."),
        (["accounts", "lst"], "'lst' is not a command: did you mean 'doorman accounts list'? See 'doorman accounts --help'."),
        (["login", "--phone", "+15551234567"], "'login' is not a command: did you mean 'doorman dev login'?"),
        (["EMAWverysecrettokenofauser"], "unknown command of 'doorman'."),
        (["dev", "stop"], "unknown command of 'doorman dev'"),
        (["accounts", "delete"], "missing expected argument <ids> ..."),
        (["accounts", "delete", "1", "x"], "argument 2 is not an account id"),
        (["accounts", "delete", "1"], "this cannot be undone: give --yes to confirm, or --dry-run"),
        (["accounts", "list", "--page-size", "0"], "--page-size must be from 1 to 1000"),
        (["accounts", "list", "--limit", "many"], "the value … is invalid for --limit <number>"),
        (["revoke", "--account", "1"], "this cannot be undone: give --yes to confirm, or --dry-run"),
        (["revoke", "a", "--account", "1"], "give a token or --account, not both"),
        (["revoke", "--account", ""], "--account is not an account id"),
        (["revoke", "--account", "0123", "--dry-run"], "--account is not an account id"),
        (["revoke", "--account", "EMAWverysecrettokenofauser", "--dry-run"], "--account is not an account id: an id has 1 to 64"),
        (["verify", "a", "b"], "unexpected argument …"),
        (["verify", "/etc/passwd"], "'/etc/passwd' is a file, not a token: give --token-file '/etc/passwd'"),
        (["exchange", "/etc/passwd"], "'/etc/passwd' is a file, not a code: give --code-file '/etc/passwd'"),
        (["verify", "a", "--token-file", "b"], "give the token or --token-file, not both"),
        (["verify", "-t", "/nonexistent/token"], "cannot read '/nonexistent/token': no such file or directory"),
        (["verify"], "the token is empty"),
        (["verify", "a", "--token"], "unknown option --token. Pipe the token into standard input, or give '--token-file'."),
        (["verify", "a", "--tokn-file", "b"], "unknown option --tokn-file. Did you mean --token-file?"),
        (["verify", "a", "--host", "b"], "unknown option --host. Did you mean '--address'?"),
        (["verify", "a", "-k"], "unknown option -k. The server's certificate is always checked"),
        (["verify", "a", "--address"], "missing value for --address <address>"),
        (["verify", "a", "--address", "http://localhost:7117"], "--address: expected host:port or unix:/path, not a URL"),
        (["verify", "a", "--address", "localhost:https"], "--address: the text after the last ':' is not a port from 1 to 65535"),
        (["verify", "a", "-a", "::1"], "--address: write an IPv6 address as [address]:port"),
        (["verify", "a", "-a", "unix:doorman.sock"], "--address: the path after 'unix:' must begin with '/'"),
        (["verify", "a", "-a", "EMAWverysecrettokenofauser"], "--address: the host looks like a token"),
        (
            ["verify", "a", "--timeout", "2"],
            "the value … is invalid for --timeout <duration>: it is not a duration: write 500ms, 2s, 1m or 1h"
        ),
        (
            ["verify", "a", "--not-before", "EMAWverysecrettokenofauser=="],
            "--not-before is not a position: give what doorman revoke printed"
        ),
        (["verify", "a", "--max-age", "10ms"], "--max-age must be 1s or more"),
        (
            ["verify", "a", "--cacert", "/nonexistent/ca.pem"],
            "--ca-file: cannot read '/nonexistent/ca.pem': no such file or directory"
        ),
        (["verify", "a", "--cacert", "/etc/passwd"], "--ca-file: '/etc/passwd' holds no PEM certificate"),
        (["verify", "a", "--cert", "c.pem"], "--certificate-file needs --private-key-file or DOORMAN_PRIVATE_KEY_FILE"),
        (["verify", "a", "--server-name", "10.0.0.1"], "--server-name must be a name such as doorman.internal, not an address"),
        (["verify", "a", "--no-tls", "--cacert", "ca.pem"], "--no-tls cannot be combined with TLS files or --server-name"),
        (
            ["verify", "a", "--application", ""],
            "the value … is invalid for --application <id>: it is empty: leave the option out for any"
        ),
        (["verify", "a", "--application="], "missing value for --application <id>"),
        (["verify", "a", "--provider", ""], "the value … is invalid for --provider <name>: it is empty"),
        (["exchange", "a", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["exchange", "a", "--provider", ""], "the value … is invalid for --provider <name>: it is empty"),
        (["revoke", "a", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["revoke", "a", "--provider", ""], "the value … is invalid for --provider <name>: it is empty"),
        (["accounts", "list", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["accounts", "delete", "1", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["bench", "-t", "-", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["dev", "login", "--application", ""], "the value … is invalid for --application <id>: it is empty"),
        (["health", "--wait", "forever"], "unexpected argument …"),
        (["-a", "localhost", "health"], "options follow the command, as in 'doorman verify --address doorman.internal'"),
        (["help", "verfy"], "'verfy' is not a command: did you mean 'doorman verify'?"),
        (["verify", "a", "-a", "'localhost'"], "--address: the host is neither a name nor an address"),
        (["stats", "5s"], "an interval needs --watch"),
        (["stats", "-a", "a,b"], "stats shows one server: name a single server with --address"),
        (["bench"], "missing expected argument --token-file <file>"),
        (["bench", "-t", "/nonexistent/tokens"], "cannot read '/nonexistent/tokens': no such file or directory"),
        (["bench", "-t", "-", "--connections", "0"], "--connections must be from 1 to"),
        (["dev", "login"], "give either --phone or --email"),
        (["dev", "--port", "70000"], "--port must be from 0 to 65535"),
        (["dev", "--phone", "1", "--email", "a@example.com"], "give either --phone or --email"),
        (["completion"], "missing expected argument <shell>"),
        (["completion", "csh"], "the value … is invalid for <shell>. Please provide one of bash, zsh"),
    ]

    @Test("has exit code 2 and one line that says what is wrong", arguments: table)
    func text(arguments: [String], message: String) async throws {
        let ending = try await Program.run(arguments)
        #expect(ending.status == 2, "\(ending)")
        #expect(ending.output.isEmpty)
        #expect(ending.error.hasPrefix("doorman: \(message)") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
        #expect(!ending.error.contains("EMAW"))
    }

    @Test("has exit code 2 and a JSON object with --json", arguments: table)
    func json(arguments: [String], message: String) async throws {
        let ending = try await Program.run(arguments + ["--json"])
        #expect(ending.status == 2, "\(ending)")
        #expect(ending.output.hasPrefix(#"{"message":""#) && ending.output.filter { $0 == "\n" }.count == 1, "\(ending)")
        #expect(ending.output.contains(#""outcome":"wrong_use","reason":"WRONG_USE","retryable":false}"#), "\(ending)")
        #expect(ending.error.filter { $0 == "\n" }.count == 1 && !ending.output.contains("EMAW"), "\(ending)")
    }
}
