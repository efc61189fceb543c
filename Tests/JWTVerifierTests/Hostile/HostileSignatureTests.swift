import DoormanCore
import DoormanCrypto
import Testing

@testable import JWTVerifier

/// Tokens whose signature is an attack.
@Suite("Hostile signatures")
struct HostileSignatureTests {
    /// A curve with its key and its algorithm.
    struct CurveCase: Sendable, CustomTestStringConvertible {
        let curve: EllipticCurve
        let algorithm: SignatureAlgorithm
        let id: String
        let key: Result<TestKey, any Error>
        var testDescription: String { algorithm.rawValue }

        /// A token of the key, with any bytes in place of the signature.
        func token(_ signature: (_ genuine: [UInt8]) throws -> [UInt8]) throws -> Token {
            let input = base64URL(#"{"alg":"\#(algorithm.rawValue)","kid":"\#(id)"}"#) + "." + base64URL(Sample.claims([:]))
            let genuine = try key.get().signature(of: Array(input.utf8), with: algorithm)
            return Token(input + "." + base64URL(try signature(genuine)))
        }

        func rejection(_ signature: (_ genuine: [UInt8]) throws -> [UInt8]) async throws -> Rejection.Reason? {
            try await Scene().rejection(of: token(signature))
        }
    }

    static let curves = [
        CurveCase(curve: .p256, algorithm: .es256, id: "p256-1", key: TestKey.p256),
        CurveCase(curve: .p384, algorithm: .es384, id: "p384-1", key: TestKey.p384),
        CurveCase(curve: .p521, algorithm: .es512, id: "p521-1", key: TestKey.p521),
    ]

    @Test("the genuine signature is valid", arguments: curves)
    func genuine(_ curve: CurveCase) async throws {
        #expect(try await curve.rejection { $0 } == nil)
    }

    @Test("ECDSA with r = s = 0 is rejected [CVE-2022-21449]", arguments: curves)
    func zero(_ curve: CurveCase) async throws {
        #expect(try await curve.rejection { $0.map { _ in 0 } } == .tokenRejected)
    }

    @Test("ECDSA with r = 0 or s = 0 is rejected [CVE-2022-21449]", arguments: curves)
    func halfZero(_ curve: CurveCase) async throws {
        let zero = [UInt8](repeating: 0, count: curve.curve.coordinateBytes)
        #expect(try await curve.rejection { zero + $0.suffix(zero.count) } == .tokenRejected)
        #expect(try await curve.rejection { $0.prefix(zero.count) + zero } == .tokenRejected)
    }

    @Test("ECDSA with r or s equal to the order is rejected [CVE-2022-21449]", arguments: curves)
    func order(_ curve: CurveCase) async throws {
        let order = try curve.key.get().order()
        #expect(try await curve.rejection { order + $0.suffix(order.count) } == .tokenRejected)
        #expect(try await curve.rejection { $0.prefix(order.count) + order } == .tokenRejected)
        #expect(try await curve.rejection { _ in order + order } == .tokenRejected)
    }

    @Test("ECDSA of the wrong length is rejected", arguments: curves)
    func length(_ curve: CurveCase) async throws {
        let half = curve.curve.coordinateBytes
        #expect(try await curve.rejection { $0.dropLast() } == .tokenRejected)
        #expect(try await curve.rejection { $0 + [0] } == .tokenRejected)
        #expect(try await curve.rejection { [0] + $0 } == .tokenRejected)
        #expect(try await curve.rejection { Array($0.prefix(half)) } == .tokenRejected)
        #expect(try await curve.rejection { [0] + $0.prefix(half) + [0] + $0.suffix(half) } == .tokenRejected)
        #expect(try await curve.rejection { $0 + $0 } == .tokenRejected)
        #expect(try await curve.rejection { _ in [0] } == .tokenRejected)
    }

    @Test("DER in place of r and s is rejected", arguments: curves)
    func der(_ curve: CurveCase) async throws {
        let input = base64URL(#"{"alg":"\#(curve.algorithm.rawValue)","kid":"\#(curve.id)"}"#) + "." + base64URL(Sample.claims([:]))
        let signature = try curve.key.get().rawSignature(of: Array(input.utf8), with: curve.algorithm)
        #expect(try await Scene().rejection(of: Token(input + "." + base64URL(signature))) == .tokenRejected)
        let size = 2 * curve.curve.coordinateBytes
        let cut = Array(signature.prefix(size)) + Array(repeating: 0, count: max(0, size - signature.count))
        #expect(try await Scene().rejection(of: Token(input + "." + base64URL(cut))) == .tokenRejected)
    }

    @Test("an RSA signature of another length is rejected")
    func rsaLength() async throws {
        let parts = try Sample.token().parts
        let decoded = Base64URLDecoder.decode(Array(parts[2].utf8).span)
        let genuine = try #require(decoded)
        for signature in [Array(genuine.dropLast()), Array(genuine.dropFirst()), [0] + genuine, genuine + [0], [1]] {
            let token = Token("\(parts[0]).\(parts[1]).\(base64URL(signature))")
            #expect(try await Scene().rejection(of: token) == .tokenRejected)
        }
    }

    @Test("an RSA signature without padding, or of the modulus, is rejected")
    func rsaTrivial() async throws {
        let parts = try Sample.token().parts
        let modulus = try #require(try TestKey.rsa.get().members()["n"])
        let zero = [UInt8](repeating: 0, count: modulus.count)
        for signature in [zero, Array(zero.dropLast()) + [1], modulus] {
            let token = Token("\(parts[0]).\(parts[1]).\(base64URL(signature))")
            #expect(try await Scene().rejection(of: token) == .tokenRejected)
        }
    }

    @Test("an EdDSA signature of zeros, or of another length, is rejected")
    func edDSA() async throws {
        let token = try Sample.token(key: TestKey.ed25519.get(), algorithm: .edDSA, id: "ed-1")
        let parts = token.parts
        #expect(try await Scene().rejection(of: token) == nil)
        for count in [1, 32, 63, 64, 65, 128] {
            let zeros = base64URL([UInt8](repeating: 0, count: count))
            #expect(try await Scene().rejection(of: Token("\(parts[0]).\(parts[1]).\(zeros)")) == .tokenRejected)
        }
    }

    @Test("a change of any byte of the signature, the claims or the header is rejected")
    func changes() async throws {
        let scene = try Scene()
        let token = try Sample.token(key: TestKey.ed25519.get(), algorithm: .edDSA, id: "ed-1")
        #expect(try await scene.rejection(of: token) == nil)
        for index in token.bytes.indices {
            var bytes = token.bytes
            bytes[index] = bytes[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            // With another key id, the verdict can be that it is unknown for now.
            #expect((try? await scene.identity(of: Token(bytes: bytes))) == nil)
        }
    }

    @Test("the same header and payload with another signature is rejected after the good token [GHSA-rp9m-7r4c-75qg]")
    func otherSignature() async throws {
        let scene = try Scene()
        let good = try Sample.token()
        #expect(try await scene.rejection(of: good) == nil)
        let parts = good.parts
        let other = try Sample.token(key: TestKey.otherRSA.get()).parts[2]
        #expect(try await scene.rejection(of: Token("\(parts[0]).\(parts[1]).\(other)")) == .tokenRejected)
        #expect(try await scene.rejection(of: Token("\(parts[0]).\(parts[1]).AAAA")) == .tokenRejected)
        #expect(try await scene.rejection(of: good) == nil)
    }

    @Test("a signature of another token of the issuer is rejected")
    func swapped() async throws {
        let parts = try Sample.token().parts
        let other = try Sample.token(claims: Sample.claims(["sub": #""user-2""#])).parts
        #expect(try await Scene().rejection(of: Token("\(parts[0]).\(other[1]).\(parts[2])")) == .tokenRejected)
    }

    @Test("a signature with another padding or hash than alg says is rejected")
    func paddingMixUp() async throws {
        // Both signatures are of the same key.
        for (signed, named) in [(SignatureAlgorithm.rs256, "PS256"), (.ps256, "RS256"), (.rs512, "RS256"), (.ps384, "PS256")] {
            let token = try Sample.token(header: ["alg": "\"\(named)\""], algorithm: signed)
            #expect(try await Scene().rejection(of: token) == .tokenRejected)
        }
    }
}
