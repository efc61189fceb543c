import Foundation
import TestKit
import Testing

/// An identity provider that other people wrote, as a process on a free port. `Scripts/setup --all` installs it.
struct IdentityProvider {
    /// The package's root.
    static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
    static let environment = root.appendingPathComponent(".build/python")

    /// Whether the installed packages are those of the list.
    static let isInstalled: Bool = {
        let name = "requirements.txt"
        let list = FileManager.default.contents(atPath: root.appendingPathComponent("Tests/Interop/" + name).path)
        return list != nil && list == FileManager.default.contents(atPath: environment.appendingPathComponent(name).path)
    }()
    static let reason: Comment = "the identity providers are not installed: run Scripts/setup --all"

    let process: ChildProcess
    let baseURL: String

    /// Starts a program in the virtual environment, and waits until it accepts connections.
    ///
    /// - Parameter port: Its port; `nil` if it takes a free port and prints it.
    init(_ arguments: [String], port: Int? = nil) async throws {
        let process = try ChildProcess(
            Self.environment.appendingPathComponent("bin/python").path, ["-u", "-W", "ignore"] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"])
        var found = port
        try await eventually("the identity provider listens", within: .seconds(60)) {
            if found == nil, let printed = process.output.firstMatch(of: /listening on (\d+)\n/) { found = Int(printed.1) }
            guard process.isRunning else { throw NeverHappened(description: "it ended: \(process.allOutput)") }
            guard let found, let peer = try? RawPeer.connect(port: found) else { return false }
            peer.close()
            return true
        }
        self.process = process
        baseURL = "http://127.0.0.1:\(found ?? 0)"
    }

    /// The requests that it has logged.
    func requests(_ text: String = "") -> Int {
        process.allOutput.split(separator: "\n").count { $0.contains(" HTTP/1.1") && $0.contains(text) }
    }

    /// Makes requests with curl, and returns the responses.
    @discardableResult
    func curl(_ path: String, _ arguments: [String] = []) async throws -> String {
        let curl = try ChildProcess(
            "curl", ["--silent", "--show-error", "--fail", "--noproxy", "*"] + arguments + [baseURL + path])
        guard try await curl.ending() == 0 else {
            throw NeverHappened(description: "\(path): \(curl.errorOutput) \(process.allOutput)")
        }
        return curl.output
    }

    /// Returns the access tokens of responses of a token endpoint, each of which is a line.
    func accessTokens(_ path: String, _ arguments: [String] = []) async throws -> [String] {
        try await curl(path, arguments).split(separator: "\n").map { line in
            let body = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let token = body?["access_token"] as? String else { throw NeverHappened(description: "a response has no token") }
            return token
        }
    }

    /// Stops the process, and waits for its end.
    func stop() async throws {
        process.killAtOnce()
        _ = try await process.ending()
    }
}

/// nanoidp: an OpenID provider with RS256 keys, introspection and revocation.
struct NanoIDP {
    static let secret = "nanoidp-client-secret-1"
    static let audience = "orders-api"

    let provider: IdentityProvider
    var issuer: String { provider.baseURL }

    /// - Parameter port: A free port, which is part of the issuer.
    init(in folder: URL, port: Int) async throws {
        let configuration = folder.appendingPathComponent("nanoidp")
        try FileManager.default.createDirectory(at: configuration, withIntermediateDirectories: true)
        let settings = """
            server: {host: 127.0.0.1, port: \(port)}
            oauth:
              issuer: http://127.0.0.1:\(port)
              audience: \(Self.audience)
              clients: [{client_id: doorman, client_secret: \(Self.secret)}]
            jwt: {keys_dir: \(configuration.path)/keys}
            """
        let users = "users: {anna: {password: annas-password, email: anna@example.org}}\n"
        for (name, text) in [("settings.yaml", settings), ("users.yaml", users)] {
            try text.write(to: configuration.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        provider = try await IdentityProvider(
            ["-m", "nanoidp", "--config", configuration.path, "--port", String(port)], port: port)
    }

    /// The flags for its tokens.
    var jwtFlags: [String] { ["--jwt-issuer", issuer, "--jwt-audience", Self.audience] }

    /// Returns a token with the scopes `openid` and `profile`.
    func token() async throws -> String {
        let form = "grant_type=password&username=anna&password=annas-password&scope=openid%20profile"
        return try await provider.accessTokens("/token", ["--user", "doorman:" + Self.secret, "--data", form])[0]
    }

    /// Returns tokens without scopes.
    func tokens(_ count: Int, minutes: Double = 10) async throws -> [String] {
        try await provider.accessTokens(
            "/api/users/anna/token?number=[1-\(count)]",
            ["--header", "Content-Type: application/json", "--data", #"{"exp_minutes": \#(minutes)}"#])
    }

    /// Signs later tokens with a new key. The old key stays in the key set.
    func rotateKeys() async throws {
        try await provider.curl("/api/keys/rotate", ["--request", "POST"])
    }

    func isActive(_ token: String) async throws -> Bool {
        let response = try await provider.curl("/introspect", ["--user", "doorman:" + Self.secret, "--data", "token=" + token])
        return response.contains(#""active":true"#)
    }
}

/// An authorization server made of Authlib: opaque tokens with introspection and revocation, and ES256 tokens with a key set.
struct AuthlibServer {
    static let secret = "s3cret/+ %41&:="

    let provider: IdentityProvider
    var issuer: String { provider.baseURL }

    init(in folder: URL) async throws {
        let server = IdentityProvider.root.appendingPathComponent("Tests/Interop/oauth-server.py").path
        provider = try await IdentityProvider([server, folder.path])
    }

    var jwtFlags: [String] { ["--jwt-issuer", issuer, "--jwt-audience", "orders-api"] }

    /// Returns an opaque token of a client: `app`, `short` for four seconds, or `jealous`, whose tokens no other client may revoke.
    func token(of client: String = "app") async throws -> String {
        try await provider.accessTokens(
            "/token",
            ["--user", client + ":s3cret%2F%2B%20%2541%26%3A%3D", "--data", "grant_type=client_credentials&scope=orders:read"]
        )[0]
    }

    /// Returns a signed token.
    func jwt(lifetime: Int = 600, scope: String = "orders:read") async throws -> String {
        try await provider.curl("/test/jwt", ["--data", #"claims={"scope":"\#(scope)"}&lifetime=\#(lifetime)"#])
    }

    /// Replaces the signing key. The old key leaves the key set.
    func withdrawKey() async throws {
        try await provider.curl("/test/withdraw", ["--request", "POST"])
    }

    /// Publishes five keys that can't be used, before the good key.
    func publishUnusableKeys() async throws {
        try await provider.curl("/test/unusable-keys", ["--request", "POST"])
    }
}

/// Runs the body with nanoidp.
func withNanoIDP(_ body: (NanoIDP) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let provider = try await NanoIDP(in: folder, port: try FreePort.find())
        try await body(provider)
        try await provider.provider.stop()
    }
}

/// Runs the body with the Authlib server, and the folder with the private keys of its clients.
func withAuthlibServer(_ body: (AuthlibServer, _ folder: URL) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let server = try await AuthlibServer(in: folder)
        try await body(server, folder)
        try await server.provider.stop()
    }
}
