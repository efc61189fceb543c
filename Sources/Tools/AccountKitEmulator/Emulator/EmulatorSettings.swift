internal import DoormanCore

/// What an emulator serves, where, and within which limits.
package struct EmulatorSettings: Sendable {
    /// The address or name to listen on. Default `127.0.0.1`.
    package var host: String
    /// The port to listen on; 0 for any that is free. Default 7118.
    package var port: Int
    /// Certificate and key for HTTPS; nil for plain HTTP.
    package var tls: TLSFiles?
    /// Whether `host` may be one that other machines reach. Default no: whoever reaches the control paths may log in as anybody.
    package var allowsAnyAddress: Bool
    /// The applications. Calls of the library that name none mean the first.
    package var apps: [App]
    package var limits: Limits
    /// Where the generator starts that decides which calls a fault with a probability spoils, and how late a jittered answer is.
    /// Default nil: somewhere else each time.
    package var faultSeed: UInt64?
    /// The time by which faults begin and end. Tests put in a clock that they step.
    package var clock: @Sendable () -> ContinuousClock.Instant = { .now }

    package init(
        host: String = "127.0.0.1", port: Int = 7118, tls: TLSFiles? = nil, allowsAnyAddress: Bool = false,
        apps: [App] = [.default], limits: Limits = Limits()
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.allowsAnyAddress = allowsAnyAddress
        self.apps = apps
        self.limits = limits
    }
}

extension EmulatorSettings {
    /// An application, as its owner set it up on Facebook's page.
    package struct App: Sendable {
        /// The Facebook app id: 15 or 16 decimal digits.
        package var id: String
        /// Account Kit's own secret for it: 32 hexadecimal characters.
        package var secret: String
        /// *Require App Secret*: calls with a user token need `appsecret_proof` too.
        package var requiresAppSecret: Bool
        /// *Enable Client Access Token Flow*: a log-in may give a token straight away. Off: only a code, which the back end
        /// exchanges.
        package var enablesClientAccessTokenFlow: Bool
        /// Accounts that are there from the start.
        package var accounts: [Account]

        package init(
            id: String, secret: String, requiresAppSecret: Bool = true, enablesClientAccessTokenFlow: Bool = true,
            accounts: [Account] = []
        ) {
            self.id = id
            self.secret = secret
            self.requiresAppSecret = requiresAppSecret
            self.enablesClientAccessTokenFlow = enablesClientAccessTokenFlow
            self.accounts = accounts
        }

        /// The application of a first run. Its secret is public: it guards nothing.
        package static let `default` = App(id: "5432154321543210", secret: "0123456789abcdef0123456789abcdef")
    }

    /// An account that is there from the start.
    package struct Account: Sendable {
        /// Its id, which is its own in each application.
        package var id: String
        package var contact: Contact
        /// Tokens that stand for it from the start.
        package var tokens: [String]

        package init(id: String, contact: Contact, tokens: [String] = []) {
            self.id = id
            self.contact = contact
            self.tokens = tokens
        }
    }

    /// PEM files for HTTPS.
    package struct TLSFiles: Sendable {
        /// The certificate chain, the server's own first.
        package var certificate: String
        /// The private key of the first certificate.
        package var privateKey: String

        package init(certificate: String, privateKey: String) {
            self.certificate = certificate
            self.privateKey = privateKey
        }
    }

    /// How much of everything there may be.
    package struct Limits: Sendable {
        /// Connections open at once; one more is closed at once. Default 1024.
        package var connections = 1024
        /// Bytes of a request's target, and of all its headers together. Default 8192.
        package var headBytes = 8192
        /// Bytes of a request's body, none of which is read: the contract has no bodies. Default 65,536.
        package var bodyBytes = 65_536
        /// Calls that wait on one HTTP/1.1 connection behind the one being answered. Default 64.
        package var pipelinedCalls = 64
        /// Calls under way at once on one HTTP/2 connection; told to the client, which keeps to it. Default 1024.
        package var streams = 1024
        /// How long a connection may lie still, also in the middle of a call. Default 60 s.
        package var idleTimeout = Duration.seconds(60)
        /// How long answers may take to finish when the emulator stops. Default 2 s.
        package var drain = Duration.seconds(2)
        /// Tokens, and codes, that are remembered, used and revoked ones too; the oldest is forgotten. Default 100,000.
        package var credentials = 100_000
        /// Accounts of all applications; one more is refused. Default 100,000.
        package var accounts = 100_000

        package init() {}
    }
}

/// Apps hold secrets and accounts hold tokens, so printing and reflecting show their ids alone.
extension EmulatorSettings.App: Redacted {
    package var description: String { "App(\(id))" }
}

extension EmulatorSettings.Account: Redacted {
    package var description: String { "Account(\(id))" }
}
