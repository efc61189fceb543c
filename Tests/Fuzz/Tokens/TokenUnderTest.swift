internal import CompactTokens
internal import DoormanCore
internal import DoormanSupport
internal import FuzzKit
internal import ProviderHTTP
internal import StrictJSON

@testable internal import JWTVerifier

/// A token, and the rules that hold for each.
struct TokenUnderTest {
    /// The time of the corpus.
    private static let now = Timestamp(millisecondsSince1970: 1_500_000_000_000)
    private static let issuer = "https://login.example.org/"
    private static let audience = "orders-api"
    /// The public keys of RFC 8037, appendix A, and of RFC 7515, appendix A.3. The tokens of these RFCs have other claims than a token needs.
    private static let keySet = """
        {"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"ed"},\
        {"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
        """

    private let bytes: [UInt8]
    private let settings: JWTSettings

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var settings = JWTSettings(name: "corp", issuer: Self.issuer, audience: [Self.audience])
        settings.jwksURL = Self.issuer + "keys"
        settings.claims = ["tenant"]
        self.settings = settings
    }

    /// Makes a token of header, claims and signature.
    static func token(of text: [UInt8]) -> [UInt8] {
        let parts = text.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map { base64URL($0) }
        return Array(parts.joined(separator: [UInt8(ascii: ".")]))
    }

    func check() {
        let token = Token(bytes: bytes)
        guard let parts = try? CompactParts(bytes, maximumBytes: settings.maximumTokenBytes) else {
            require((try? CheckedToken(bytes, settings, at: Self.now)) == nil, "a token without three parts is rejected")
            require(
                bytes.count > settings.maximumTokenBytes || JWTVerifier.unverifiedIssuer(of: token) == nil,
                "a token without three parts has no issuer")
            return
        }
        checkSpelling(parts)
        do throws(RejectedToken) {
            check(try CheckedToken(bytes, settings, at: Self.now))
            require(JWTVerifier.unverifiedIssuer(of: token) == Self.issuer, "the router finds the issuer of a good token")
        } catch {
            require(error.rejection.message.utf8.count < 100, "a message is a literal")
        }
        checkSignature(token)
    }

    /// Each sequence of bytes has one spelling, so that a token can't be cached under two keys.
    private func checkSpelling(_ parts: CompactParts) {
        for range in [parts.header, parts.payload, parts.signature] {
            let decoded = Base64URLDecoder.decode(bytes.span.extracting(range))
            require(decoded != nil, "a part with valid characters can be decoded")
            require(Self.base64URL(decoded ?? []) == Array(bytes[range]), "a part has the only spelling of its bytes")
        }
        require(parts.signed.count + 1 + parts.signature.count == bytes.count, "the parts are the whole token")
    }

    private func check(_ token: CheckedToken) {
        let claims = token.claims
        require(claims.expiresAt > Self.now, "a token that has expired is rejected")
        require(claims.expiresAt.millisecondsSince1970 < 253_402_300_800_000, "an end is before the year 10000")
        require((1...256).contains(claims.subject.utf8.count), "an account id has 1 to 256 bytes")
        require(claims.audiences == [Self.audience], "a token has our audience")
        if case .success(let copied) = claims.copied {
            require(copied.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } <= 4096, "copied claims are bounded")
            require(copied.values.allSatisfy { JSONValue(bytes: Array($0.utf8)) != nil }, "a copied claim is a JSON text")
        }
        if case .success(let scopes) = claims.scopes {
            require(scopes.count <= 256 && scopes.joined().utf8.count <= 4096, "scopes are bounded")
        }
        require(settings.algorithms.contains(token.header.algorithm), "an algorithm is configured")
        require((token.header.keyID?.count ?? 1) <= 256, "a key id is bounded")
        if let phone = claims.phone {
            require(phone.number == "+" + phone.countryPrefix + phone.nationalNumber, "a number is its parts")
            require(!phone.nationalNumber.isEmpty, "a national number is not empty")
        }
        require(claims.phone != nil || !claims.isPhoneVerified, "an absent number is not verified")
        require(claims.email != nil || !claims.isEmailVerified, "an absent address is not verified")
    }

    /// No private key is known, so no token is valid, and each has a verdict.
    private func checkSignature(_ token: Token) {
        let time = TimeSource(now: { Instant(nanoseconds: 1_000_000_000_000) }, wallTime: { Self.now })
        let verifier = try? JWTVerifier(settings, time: time) { _, _, _ async throws(VerificationError) in
            HTTPResponse(status: 200, body: Array(Self.keySet.utf8))
        }
        guard let verifier else { return require(false, "the settings are valid") }
        let deadline = Deadline(Instant(nanoseconds: 2_000_000_000_000))
        OwnThread().run {
            do throws(VerificationError) {
                let verdict = try await verifier.verify(VerificationRequest(token: token), deadline: deadline)
                if case .rejected = verdict { return }
                require(false, "a token without a genuine signature is rejected")
            } catch {
                require(false, "a token has a verdict if the keys are known")
            }
        }
    }

    private static func base64URL(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var (buffer, bits) = (0, 0)
        for byte in bytes {
            buffer = (buffer << 8 | Int(byte)) & 0xffff
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[buffer >> bits & 63])
            }
        }
        if bits > 0 { text.append(alphabet[buffer << (6 - bits) & 63]) }
        return text
    }
}
