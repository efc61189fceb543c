internal import DoormanCore

/// The settings of an emulator: address, apps and limits.
package struct EmulatorSettings: Sendable {
    /// The address or name to listen on. Default `127.0.0.1`.
    package var host: String
    /// The port to listen on; 0 for any free port. Default 7118.
    package var port: Int
    /// Certificate and key for HTTPS; `nil` for plain HTTP.
    package var tls: TLSFiles?
    /// Whether other machines may reach `host`. Default no, because the control paths let any client log in as anybody.
    package var allowsAnyAddress: Bool
    /// The applications. The first is the default of methods with an `app` parameter.
    package var apps: [App]
    package var limits: Limits
    /// Seed of the random numbers for faults with a probability or a jittered latency. Default `nil`: another seed each time.
    package var faultSeed: UInt64?
    /// The clock by which faults begin and end. Tests set a clock that they step.
    package var clock: @Sendable () -> ContinuousClock.Instant = { .now }
    /// The clock by which tokens expire: whole seconds since 1970-01-01T00:00:00Z.
    package var wallClock: @Sendable () -> Int = { WallClock.now() }
    /// The URL of the OpenID issuer, the claim `iss`; `nil` for `/oidc` on the address that the emulator listens on.
    package var issuer: String?
    /// Time for which clients may keep the issuer's keys, in seconds: `max-age` of 0 to 86,400. Default 300.
    package var keysMaxAge = 300

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
        /// *Require App Secret*: whether calls with a user token need `appsecret_proof`. Default yes.
        package var requiresAppSecret: Bool
        /// *Enable Client Access Token Flow*: whether a log-in can return a token. Otherwise it returns a code, which the back end
        /// exchanges. Default yes.
        package var enablesClientAccessTokenFlow: Bool
        /// Whether `me` of v1.0 names the application, as in 2018. Default no, as recorded in June 2016. Later versions always name it.
        package var namesApplicationInFirstVersion: Bool
        /// The accounts at the start.
        package var accounts: [Account]

        package init(
            id: String, secret: String, requiresAppSecret: Bool = true, enablesClientAccessTokenFlow: Bool = true,
            namesApplicationInFirstVersion: Bool = false, accounts: [Account] = []
        ) {
            self.id = id
            self.secret = secret
            self.requiresAppSecret = requiresAppSecret
            self.enablesClientAccessTokenFlow = enablesClientAccessTokenFlow
            self.namesApplicationInFirstVersion = namesApplicationInFirstVersion
            self.accounts = accounts
        }

        /// The application of a first run. Its secret is public.
        package static let `default` = App(id: "5432154321543210", secret: "0123456789abcdef0123456789abcdef")
    }

    /// An account that exists at the start.
    package struct Account: Sendable {
        /// The account's id, which is unique over all applications.
        package var id: String
        package var contact: Contact
        /// The account's tokens at the start.
        package var tokens: [String]

        package init(id: String, contact: Contact, tokens: [String] = []) {
            self.id = id
            self.contact = contact
            self.tokens = tokens
        }
    }

    /// PEM files for HTTPS.
    package struct TLSFiles: Sendable {
        /// Path to the certificate chain, the server's own certificate first.
        package var certificate: String
        /// Path to the private key of the first certificate.
        package var privateKey: String

        package init(certificate: String, privateKey: String) {
            self.certificate = certificate
            self.privateKey = privateKey
        }
    }

    /// The limits of connections, requests and state.
    package struct Limits: Sendable {
        /// Maximum open connections. Further connections are closed. Default 1024.
        package var connections = 1024
        /// Maximum bytes of a request's target, and of its headers over HTTP/1.1. Default 8192.
        package var headBytes = 8192
        /// Maximum bytes of a request's body, which is ignored. Default 65,536.
        package var bodyBytes = 65_536
        /// Maximum requests that wait on an HTTP/1.1 connection. Default 64.
        package var pipelinedCalls = 64
        /// The limits of an HTTP/2 connection.
        package var http2 = HTTP2Limits()
        /// Maximum time that a connection can be idle, also during a request. Default 60 s.
        package var idleTimeout = Duration.seconds(60)
        /// Time for responses to finish when the emulator stops. Default 2 s.
        package var drain = Duration.seconds(2)
        /// Maximum tokens, and codes, including used and revoked ones. Above it the oldest is forgotten. Default 100,000.
        package var credentials = 100_000
        /// Maximum accounts of all applications. Further accounts are rejected. Default 100,000.
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
