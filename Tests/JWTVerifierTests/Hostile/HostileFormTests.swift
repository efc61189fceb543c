import DoormanCore
import Testing

@testable import JWTVerifier

/// Tokens whose form is an attack.
@Suite("Hostile forms")
struct HostileFormTests {
    private static func rejection(of text: String) async throws -> Rejection.Reason? {
        try await Scene().rejection(of: Token(text))
    }

    // MARK: - Parts

    @Test("an empty token is malformed")
    func empty() async throws {
        #expect(try await Self.rejection(of: "") == .malformedToken)
    }

    @Test("an empty signature is malformed")
    func emptySignature() async throws {
        let parts = try Sample.token().parts
        #expect(try await Self.rejection(of: "\(parts[0]).\(parts[1]).") == .malformedToken)
    }

    @Test("a token of two parts is malformed [CVE-2020-28042]")
    func missingSignature() async throws {
        let parts = try Sample.token().parts
        #expect(try await Self.rejection(of: "\(parts[0]).\(parts[1])") == .malformedToken)
        #expect(try await Self.rejection(of: parts[0]) == .malformedToken)
    }

    @Test("a token with an empty header or payload is malformed")
    func emptyParts() async throws {
        let parts = try Sample.token().parts
        #expect(try await Self.rejection(of: ".\(parts[1]).\(parts[2])") == .malformedToken)
        #expect(try await Self.rejection(of: "\(parts[0])..\(parts[2])") == .malformedToken)
        #expect(try await Self.rejection(of: "..") == .malformedToken)
    }

    @Test("a million dots are malformed [CVE-2025-30204]")
    func dots() async throws {
        #expect(try await Self.rejection(of: String(repeating: ".", count: 1_000_000)) == .malformedToken)
        #expect(try await Self.rejection(of: String(repeating: ".", count: 16_000)) == .malformedToken)
        #expect(try await Self.rejection(of: "Bearer " + String(repeating: ".", count: 16_000)) == .malformedToken)
    }

    @Test("a header of a megabyte is malformed [CVE-2025-30204]")
    func longHeader() async throws {
        let token = try Sample.token(header: ["x": "\"\(String(repeating: "x", count: 1 << 20))\""])
        #expect(try await Scene().rejection(of: token) == .malformedToken)
    }

    @Test("a token up to the maximum length is valid")
    func maximumLength() async throws {
        var settings = Sample.settings()
        let token = try Sample.token(header: ["x": "\"\(String(repeating: "x", count: 5000))\""])
        settings.maximumTokenBytes = token.bytes.count
        #expect(try await Scene(settings).rejection(of: token) == nil)
        settings.maximumTokenBytes -= 1
        #expect(try await Scene(settings).rejection(of: token) == .malformedToken)
    }

    @Test("JSON serialization is malformed")
    func jsonSerialization() async throws {
        let parts = try Sample.token().parts
        let flattened = #"{"protected":"\#(parts[0])","payload":"\#(parts[1])","signature":"\#(parts[2])"}"#
        #expect(try await Self.rejection(of: flattened) == .malformedToken)
        let general = #"{"payload":"\#(parts[1])","signatures":[{"protected":"\#(parts[0])","signature":"\#(parts[2])"}]}"#
        #expect(try await Self.rejection(of: general) == .malformedToken)
        // Some libraries took a text with dots inside of such an object.
        #expect(try await Self.rejection(of: #"{"a":"\#(try Sample.token().text)"}"#) == .malformedToken)
    }

    // MARK: - Encryption

    @Test("an encrypted token with a zip bomb is malformed [CVE-2024-33664]")
    func zipBomb() async throws {
        let header = base64URL(#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#)
        #expect(try await Self.rejection(of: "\(header)..AAAA.\(String(repeating: "A", count: 8000)).AAAA") == .malformedToken)
        #expect(
            try await Self.rejection(of: "\(header).AAAA.AAAA.\(String(repeating: "A", count: 250_000)).AAAA") == .malformedToken)
        // With three parts it is no encrypted token, and still not accepted.
        #expect(try await Self.rejection(of: "\(header).AAAA.AAAA") == .tokenRejected)
    }

    @Test("PBES2 with 2³¹ rounds is malformed, and derives no key [CVE-2023-50967]")
    func manyRounds() async throws {
        let header = base64URL(#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":2147483648,"p2s":"AAAA"}"#)
        #expect(try await Self.rejection(of: "\(header).AAAA.AAAA.AAAA.AAAA") == .malformedToken)
        #expect(try await Self.rejection(of: "\(header).AAAA.AAAA") == .tokenRejected)
    }

    @Test("an encrypted token around an unsigned token is malformed")
    func encryptedUnsigned() async throws {
        let inner = base64URL(#"{"alg":"none"}"#) + "." + base64URL(Sample.claims([:])) + "."
        let header = base64URL(#"{"alg":"RSA-OAEP","enc":"A128GCM","cty":"JWT","kid":"rsa-1"}"#)
        #expect(try await Self.rejection(of: "\(header).AAAA.AAAA.\(base64URL(inner)).AAAA") == .malformedToken)
        #expect(try await Self.rejection(of: "\(header).\(base64URL(inner)).AAAA") == .tokenRejected)
    }

    // MARK: - Base64url

    /// Changes one part of a good token.
    private static func changing(_ part: Int, _ change: (String) -> String) throws -> String {
        var parts = try Sample.token().parts
        parts[part] = change(parts[part])
        return parts.joined(separator: ".")
    }

    @Test("padding is malformed", arguments: 0...2)
    func padding(part: Int) async throws {
        #expect(try await Self.rejection(of: Self.changing(part) { $0 + "=" }) == .malformedToken)
        #expect(try await Self.rejection(of: Self.changing(part) { $0 + "==" }) == .malformedToken)
    }

    @Test("the other alphabet of base64 is malformed", arguments: ["+", "/"])
    func otherAlphabet(character: String) async throws {
        for part in 0...2 {
            #expect(try await Self.rejection(of: Self.changing(part) { character + $0.dropFirst() }) == .malformedToken)
        }
    }

    @Test("white space is malformed", arguments: [" ", "\n", "\r\n", "\t", "\u{0}", "\u{a0}", "%20"])
    func whiteSpace(text: String) async throws {
        let good = try Sample.token().text
        #expect(try await Self.rejection(of: text + good) == .malformedToken)
        #expect(try await Self.rejection(of: good + text) == .malformedToken)
        for part in 0...2 {
            #expect(try await Self.rejection(of: Self.changing(part) { $0.prefix(8) + text + $0.dropFirst(8) }) == .malformedToken)
        }
    }

    @Test("last bits that are not zero are malformed, since a token would have several spellings")
    func lastBits() async throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        // 256 bytes of signature end with two characters for one byte.
        let good = try Sample.token().text
        let last = try #require(good.last)
        let index = try #require(alphabet.firstIndex(of: last))
        for other in 1..<16 {
            #expect(try await Self.rejection(of: good.dropLast() + String(alphabet[index ^ other])) == .malformedToken)
        }
        #expect(try await Self.rejection(of: good) == nil)
    }

    @Test("a length of 1 modulo 4 is malformed")
    func impossibleLength() async throws {
        for part in 0...2 {
            for length in [1, 5, 9] {
                #expect(try await Self.rejection(of: Self.changing(part) { String($0.prefix(length)) }) == .malformedToken)
            }
        }
    }

    // MARK: - JSON

    @Test("a header that is not an object is malformed", arguments: ["[]", "\"RS256\"", "1", "null", "true", "", "{", "{}x"])
    func headerType(text: String) async throws {
        #expect(try await Scene().rejection(of: Sample.signed(text, Sample.claims([:]))) == .malformedToken)
    }

    @Test("claims that are not an object are malformed", arguments: ["[]", "\"text\"", "1", "null", "{}{}", "Live long"])
    func claimsType(text: String) async throws {
        #expect(try await Scene().rejection(of: Sample.token(claims: text)) == .malformedToken)
    }

    @Test(
        "invalid UTF-8 is malformed",
        arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) async throws {
        let header = Array(#"{"alg":"RS256","kid":"rsa-1","x":""#.utf8) + bytes + Array("\"}".utf8)
        #expect(try await Scene().rejection(of: signed(header, Array(Sample.claims([:]).utf8))) == .malformedToken)
        let claims = Array(Sample.claims([:]).dropLast().utf8) + Array(#","x":""#.utf8) + bytes + Array("\"}".utf8)
        #expect(try await Scene().rejection(of: signed(Array(#"{"alg":"RS256","kid":"rsa-1"}"#.utf8), claims)) == .malformedToken)
    }

    @Test("a byte order mark is malformed")
    func byteOrderMark() async throws {
        #expect(
            try await Scene().rejection(of: Sample.signed("\u{feff}" + #"{"alg":"RS256","kid":"rsa-1"}"#, Sample.claims([:])))
                == .malformedToken)
        #expect(try await Scene().rejection(of: Sample.token(claims: "\u{feff}" + Sample.claims([:]))) == .malformedToken)
    }

    @Test("a lone surrogate is malformed")
    func loneSurrogate() async throws {
        #expect(try await Scene().rejection(of: Sample.token(claims: Sample.claims(["x": #""\ud83d""#]))) == .malformedToken)
        #expect(try await Scene().rejection(of: Sample.token(header: ["x": #""\ude00""#])) == .malformedToken)
    }

    @Test("nesting of 10,000 levels is malformed")
    func depth() async throws {
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        var settings = Sample.settings()
        settings.maximumTokenBytes = 32_768
        #expect(try await Scene(settings).rejection(of: Sample.token(header: ["x": deep])) == .malformedToken)
        #expect(try await Scene(settings).rejection(of: Sample.token(claims: Sample.claims(["x": deep]))) == .malformedToken)
        #expect(
            try await Scene(settings).rejection(of: Sample.token(claims: String(repeating: "[", count: 10_000))) == .malformedToken)
    }

    @Test("a member twice in the header is malformed")
    func duplicateInHeader() async throws {
        for header in [
            #"{"alg":"RS256","alg":"none","kid":"rsa-1"}"#, #"{"alg":"none","alg":"RS256","kid":"rsa-1"}"#,
            #"{"alg":"RS256","kid":"rsa-1","kid":"rsa-1"}"#, #"{"alg":"RS256","\u0061lg":"none","kid":"rsa-1"}"#,
        ] {
            #expect(try await Scene().rejection(of: Sample.signed(header, Sample.claims([:]))) == .malformedToken)
        }
    }

    @Test("a member twice in the claims is malformed")
    func duplicateInClaims() async throws {
        for extra in [#""sub":"admin""#, #""\u0073ub":"admin""#, #""exp":9999999999"#, #""x":{"y":1,"y":2}"#] {
            let claims = Sample.claims([:]).dropLast() + ",\(extra)}"
            #expect(try await Scene().rejection(of: Sample.token(claims: String(claims))) == .malformedToken)
        }
    }

    private func signed(_ header: [UInt8], _ claims: [UInt8]) throws -> Token {
        let input = base64URL(header) + "." + base64URL(claims)
        return Token(input + "." + base64URL(try TestKey.rsa.get().signature(of: Array(input.utf8), with: .rs256)))
    }
}
