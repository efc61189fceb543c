internal import ArgumentParser
internal import DoormanCore
internal import DoormanCrypto
internal import DoormanSupport
internal import Foundation
internal import JWTVerifier
internal import ProviderHTTP

/// Times the verification of JSON Web Tokens after a cache miss, for each algorithm. `openssl speed` has the cost of the signature alone.
struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Measure the verification of a JSON Web Token in microseconds per call: best and median of the batches.")

    @Option(help: "Number of timed batches, of 1,000 calls each.")
    var batches = 30

    private static let callsPerBatch = 1_000

    func run() async throws {
        for kind in PrivateKey.Kind.allCases {
            let key = try PrivateKey(generating: kind)
            for algorithm in kind.algorithms { try await measure(key, algorithm) }
        }
    }

    private func measure(_ key: PrivateKey, _ algorithm: SignatureAlgorithm) async throws {
        let keys = #"{"keys":[{"kid":"1",\#(Self.members(of: key))}]}"#
        var settings = JWTSettings(name: "bench", issuer: "https://issuer.example", audience: ["orders-api"])
        settings.jwksURL = "https://issuer.example/keys"
        let verifier = try JWTVerifier(
            settings, time: .system,
            fetch: { (_, _, _) async throws(VerificationError) in HTTPResponse(status: 200, body: Array(keys.utf8)) })
        let now = TimeSource.system.wallTime().millisecondsSince1970 / 1000
        let claims =
            #"{"iss":"https://issuer.example","sub":"248289761001","aud":"orders-api","iat":\#(now),"exp":\#(now + 3600),"#
            + #""scope":"openid orders:read orders:write","email":"jane@example.com","email_verified":true}"#
        let signed =
            Self.base64url(Array(#"{"alg":"\#(algorithm.rawValue)","kid":"1","typ":"at+jwt"}"#.utf8)) + "."
            + Self.base64url(Array(claims.utf8))
        let token = Token(signed + "." + Self.base64url(try key.signature(of: Array(signed.utf8), with: algorithm)))
        let request = VerificationRequest(token: token)
        let clock = ContinuousClock()
        var durations: [Duration] = []
        for _ in 0...max(1, batches) {
            let start = clock.now
            for _ in 0..<Self.callsPerBatch {
                let deadline = Deadline(TimeSource.system.now().advanced(by: .seconds(5)))
                guard case .valid = try await verifier.verify(request, deadline: deadline) else {
                    throw ValidationError("the token is not valid")
                }
            }
            durations.append((clock.now - start) / Self.callsPerBatch)
        }
        // The first batch has the fetch of the keys.
        durations = durations.dropFirst().sorted()
        let name = algorithm.rawValue + String(repeating: " ", count: max(0, 8 - algorithm.rawValue.utf8.count))
        print(
            "\(name) \(microseconds(durations[0])) µs at best, \(microseconds(durations[durations.count / 2])) µs median, "
                + "a token of \(token.bytes.count) bytes")
    }

    private static func members(of key: PrivateKey) -> String {
        switch key.publicMembers {
        case .rsa(let modulus, let exponent): #""kty":"RSA","n":"\#(base64url(modulus))","e":"\#(base64url(exponent))""#
        case .p256(let x, let y): #""kty":"EC","crv":"P-256","x":"\#(base64url(x))","y":"\#(base64url(y))""#
        case .ed25519(let x): #""kty":"OKP","crv":"Ed25519","x":"\#(base64url(x))""#
        }
    }

    private static func base64url(_ bytes: [UInt8]) -> String {
        String(
            Data(bytes).base64EncodedString().compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    private func microseconds(_ duration: Duration) -> String {
        let tenths = duration.components.attoseconds / 100_000_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
