import CompactTokens
import DoormanCore
import DoormanCrypto
import StrictJSON
import Testing

@testable import JWTVerifier

@Suite("Vectors of RFCs and other signers")
struct VectorTests {
    /// Whether a token's signature is valid under a key, by the reader of tokens and the reader of keys. Claims are not read.
    static func isValid(_ token: String, under key: JSONValue) -> Bool {
        let bytes = Array(token.utf8)
        guard let parts = try? CompactParts(bytes, maximumBytes: 1 << 20),
            let header = Base64URLDecoder.decode(bytes.span.extracting(parts.header)).flatMap({ try? TokenHeader($0) }),
            let signature = Base64URLDecoder.decode(bytes.span.extracting(parts.signature)),
            let key = try? IssuerKey(key)
        else { return false }
        guard key.algorithms.contains(header.algorithm) else { return false }
        return key.publicKey.verify(signature.span, of: bytes.span.extracting(parts.signed), with: header.algorithm)
    }

    @Test("the tokens of RFC 7515, appendix A, and RFC 8037 are valid, except HS256")
    func rfc() throws {
        let vectors = try #require(JSONValue(bytes: VectorFiles.own("rfc.json"))?.array)
        #expect(vectors.count == 5)
        for vector in vectors {
            let members = try #require(vector.object)
            let (name, token, key) = (members["name"]?.string ?? "", members["token"]?.string ?? "", try #require(members["key"]))
            #expect(Self.isValid(token, under: key) == !name.contains("HS256"), "\(name)")
            // With a change in the payload.
            var parts = token.split(separator: ".").map(String.init)
            parts[1] = (parts[1].hasPrefix("A") ? "B" : "A") + parts[1].dropFirst()
            #expect(!Self.isValid(parts.joined(separator: "."), under: key), "\(name)")
        }
    }

    @Test("the tokens of PyJWT, joserfc and jwcrypto are valid")
    func signers() async throws {
        let vectors = try #require(JSONValue(bytes: VectorFiles.own("signers.json"))?.object)
        let scene = try Scene(keySet: JSONValue.object(["keys": try #require(vectors["keys"])]).text)
        let tokens = try #require(vectors["tokens"]?.array)
        #expect(tokens.count == 30)
        for token in tokens {
            let members = try #require(token.object)
            let text = try #require(members["token"]?.string)
            let name = "\(members["library"]?.string ?? "") \(members["algorithm"]?.string ?? "")"
            let identity = try await scene.identity(of: Token(text))
            #expect(identity?.accountID == "user-é", "\(name)")
            #expect(identity?.scopes == ["read", "write"], "\(name)")
            let other = try #require(tokens.first { $0.object?["kid"] != members["kid"] }?.object?["token"]?.string)
            let mixed = Token(text).parts.dropLast() + [Token(other).parts[2]]
            #expect(try await scene.rejection(of: Token(mixed.joined(separator: "."))) == .tokenRejected, "\(name)")
        }
    }

    @Test("the certificates of an X.509 map have the keys of the key set")
    func certificates() async throws {
        let vectors = try #require(JSONValue(bytes: VectorFiles.own("signers.json"))?.object)
        let body = try VectorFiles.own("certificates.json")
        let set = try KeySet(Array(JSONValue.object(["keys": try #require(vectors["keys"])]).text.utf8))
        let map = try KeySet(body)
        #expect(map.fingerprints == set.fingerprints)
        #expect(map.keys.map(\.id) == ["ed25519", "p256", "p384", "p521", "rsa"].map { Array($0.utf8) })
        #expect(map.skipped == [KeySet.Skipped(position: 6, reason: .unusable(.rsaLength(bits: 1024)))])
        let scene = try Scene(keySet: String(decoding: body, as: UTF8.self))
        for token in vectors["tokens"]?.array ?? [] {
            let text = try #require(token.object?["token"]?.string)
            #expect(try await scene.rejection(of: Token(text)) == nil)
        }
    }

    @Test("broken certificates are skipped one by one")
    func brokenCertificates() throws {
        let members = try #require(JSONValue(bytes: VectorFiles.own("certificates.json"))?.object)
        let good = try #require(members["rsa"]?.string)
        let begin = "-----BEGIN CERTIFICATE-----\n"
        let broken = [
            "", "x", begin, begin + "-----END CERTIFICATE-----\n", begin + "AAAA\n-----END CERTIFICATE-----\n",
            good.replacing("BEGIN CERTIFICATE", with: "BEGIN PUBLIC KEY"), good + good, String(good.dropLast(60)),
            good.replacing(begin, with: begin + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"),
            good.replacing("-----END", with: "====\n-----END"), String(repeating: "A", count: 20_000),
        ]
        var map = ["good": JSONValue.string(good)]
        for (index, text) in broken.enumerated() { map["z\(index)"] = .string(text) }
        let set = try KeySet(Array(JSONValue.object(map).text.utf8))
        #expect(set.keys.map(\.id) == [Array("good".utf8)])
        #expect(set.skipped.map(\.reason) == broken.map { _ in .unusable(.certificate) })
    }
}
