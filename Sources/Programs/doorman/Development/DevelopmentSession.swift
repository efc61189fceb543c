internal import DoormanClient
internal import EmulatorClient

/// The output of `doorman dev`: the addresses, the user's token, and lines to try.
struct DevelopmentSession {
    struct User: Sendable {
        let accountID: String
        let token: String

        init(accountID: String, token: Token) {
            self.accountID = accountID
            self.token = String(decoding: token.bytes, as: UTF8.self)
        }
    }

    let stack: DevelopmentStack
    let contact: LogInRequest.Contact
    let user: User

    private var contactText: String {
        switch contact {
        case .phone(let text), .email(let text): text
        }
    }

    var text: String {
        """
        For development only: every program on this machine can log in to every account, and delete it.

        \(Report.aligned([
            ("server", "\(stack.address)"), ("provider", "\(stack.emulatorAddress) (account-kit-emulator)"),
        ] + issuerLines + [
            ("user", "\(contactText), account \(user.accountID)"), ("token", user.token),
        ]))
        Shell:

          export DOORMAN_ADDRESS=\(stack.address) DOORMAN_EMULATOR=\(stack.emulatorAddress)
        \(shellLines.map { "  \($0)" }.joined(separator: "\n"))

        Swift, with the package's product DoormanClient:

          let client = DoormanClient(target: try DoormanTarget(parsing: "\(stack.address)"))
          let identity = try await client.verify("\(user.token)")
          print(identity.accountID)

        Go, with the stubs that docs/how-to/other-languages.md generates:

          connection, err := net.Dial("tcp", "\(stack.address)")
          client := doormanv1.NewAuthClient(ttrpc.NewClient(connection))
          request := &doormanv1.VerifyRequest{Token: []byte("\(user.token)")}
          identity, err := client.Verify(context.Background(), request)

        Ctrl-C ends both programs and removes their files. Until then, their logs are in
          \(stack.server.log)
          \(stack.emulator.log)

        """
    }

    private var curlLine: String {
        #"curl -X POST -H "Authorization: Bearer $(cat token)" http://\#(stack.address)/v1/verify"#
    }

    /// The lines for the shell that depend on the kind of the provider.
    private var shellLines: [String] {
        switch stack.kind {
        case .accountKit:
            [
                "doorman dev login --phone +15557654321 > token", "doorman verify --token-file token", curlLine,
                "doorman accounts list", "doorman stats",
            ]
        case .jwt:
            [
                "doorman dev login --kind jwt --phone +15557654321 --scope \(DevelopmentKind.scope) > token",
                "doorman verify --token-file token --require-scope \(DevelopmentKind.scope)", curlLine, "doorman stats",
            ]
        }
    }

    private var issuerLines: [(key: String, value: String)] {
        switch stack.kind {
        case .accountKit: []
        case .jwt: [("issuer", stack.issuer), ("audience", DevelopmentKind.audience)]
        }
    }

    var json: String {
        JSONOutput.encode(
            SessionJSON(
                kind: stack.kind.rawValue, issuer: stack.kind == .jwt ? stack.issuer : nil,
                address: "\(stack.address)", emulator: "\(stack.emulatorAddress)", accountID: user.accountID, token: user.token,
                serverLog: stack.server.log, emulatorLog: stack.emulator.log))
    }
}

private struct SessionJSON: Encodable {
    let outcome = "running"
    let kind: String
    /// Absent if the kind has no issuer.
    let issuer: String?
    let address: String
    let emulator: String
    let accountID: String
    let token: String
    let serverLog: String
    let emulatorLog: String
}
