import DoormanCrypto
import Foundation
import TestKit
import Testing

/// The `openssl` program makes the keys and checks the signatures.
@Suite("A private key", .timeLimit(.minutes(2)))
struct PrivateKeyTests {
    private let message = Array("header.payload".utf8)

    /// Runs `openssl` in the folder and returns its output.
    @discardableResult
    private func openssl(_ arguments: [String], in folder: URL) async throws -> String {
        let program = try ChildProcess(
            "bash", ["-c", #"cd "$1"; shift; exec openssl "$@""#, "bash", folder.path] + arguments,
            environment: ["PATH": "/usr/bin:/bin"])
        guard try await program.ending() == 0 else { throw NeverHappened(description: program.allOutput) }
        return program.output
    }

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doorman-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func read(_ name: String, in folder: URL) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let algorithm: SignatureAlgorithm
        let generation: [String]
        var verification: [String] = []

        var testDescription: String { algorithm.rawValue }

        static let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        static let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        static let all = [
            Case(algorithm: .rs256, generation: rsa, verification: ["-digest", "sha256"]),
            Case(
                algorithm: .ps256, generation: rsa,
                verification: ["-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]),
            Case(algorithm: .es256, generation: p256, verification: ["-digest", "sha256"]),
            Case(algorithm: .edDSA, generation: ["-algorithm", "ED25519"]),
        ]
    }

    @Test("signs so that openssl accepts the signature", arguments: Case.all)
    func signature(_ testCase: Case) async throws {
        try await withFolder { folder in
            try await openssl(["genpkey", "-out", "key.pem"] + testCase.generation, in: folder)
            try await openssl(["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], in: folder)
            let key = try PrivateKey(pem: read("key.pem", in: folder))
            var signature = try key.signature(of: message, with: testCase.algorithm)
            if testCase.algorithm == .es256 {
                #expect(signature.count == 64)
                signature = Self.der(signature)
            }
            try Data(signature).write(to: folder.appendingPathComponent("signature"))
            try Data(message).write(to: folder.appendingPathComponent("message"))
            let arguments = ["-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "message", "-sigfile", "signature"]
            let output = try await openssl(["pkeyutl"] + arguments + testCase.verification, in: folder)
            #expect(output.contains("Signature Verified Successfully"))
        }
    }

    /// Returns *r* and *s* as a sequence of two integers in DER.
    private static func der(_ signature: [UInt8]) -> [UInt8] {
        let integers = [signature.prefix(32), signature.dropFirst(32)].flatMap { number in
            let digits = Array(number.drop { $0 == 0 })
            let content = (digits.first ?? 0) >= 0x80 ? [0] + digits : digits
            return [2, UInt8(content.count)] + content
        }
        return [0x30, UInt8(integers.count)] + integers
    }

    @Test("gives the numbers of its public key", arguments: Case.all)
    func members(_ testCase: Case) async throws {
        try await withFolder { folder in
            try await openssl(["genpkey", "-out", "key.pem"] + testCase.generation, in: folder)
            try await openssl(["pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der"], in: folder)
            let encoded = try read("public.der", in: folder)
            switch try PrivateKey(pem: read("key.pem", in: folder)).publicMembers {
            case .rsa(let modulus, let exponent):
                #expect(modulus.count == 256 && modulus.first != 0)
                #expect(encoded.suffix(256 + 5) == modulus + [2, 3] + exponent)
                #expect(exponent == [1, 0, 1])
            case .p256(let x, let y): #expect(x.count == 32 && encoded.suffix(65) == [4] + x + y)
            case .ed25519(let x): #expect(x.count == 32 && encoded.suffix(32) == x)
            }
        }
    }

    @Test("each generated key is new, and signs with the algorithms of its kind only", arguments: PrivateKey.Kind.allCases)
    func generated(kind: PrivateKey.Kind) throws {
        let (first, second) = (try PrivateKey(generating: kind), try PrivateKey(generating: kind))
        #expect(first.kind == kind && first.publicMembers != second.publicMembers)
        for algorithm in SignatureAlgorithm.allCases {
            guard kind.algorithms.contains(algorithm) else {
                #expect(throws: PrivateKey.Failure.wrongAlgorithm) { try first.signature(of: message, with: algorithm) }
                continue
            }
            #expect(try first.signature(of: message, with: algorithm).count == (kind == .rsa ? 256 : 64))
        }
    }

    @Test(
        "the older PEM forms are read",
        arguments: [["genrsa", "-traditional", "2048"], ["ecparam", "-name", "prime256v1", "-genkey"]])
    func olderForms(_ command: [String]) async throws {
        try await withFolder { folder in
            let pem = try await openssl(command, in: folder)
            #expect(pem.contains("RSA PRIVATE KEY") || pem.contains("EC PRIVATE KEY"))
            _ = try PrivateKey(pem: Array(pem.utf8))
        }
    }

    @Test(
        "a key of another type, curve or length is unsuitable",
        arguments: [
            ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], ["-algorithm", "X25519"], ["-algorithm", "ED448"],
            ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        ])
    func unsuitable(_ generation: [String]) async throws {
        try await withFolder { folder in
            let pem = try await openssl(["genpkey"] + generation, in: folder)
            #expect(throws: PrivateKey.Failure.unsuitable) { try PrivateKey(pem: Array(pem.utf8)) }
        }
    }

    @Test("a key with a passphrase is rejected without a question")
    func passphrase() async throws {
        try await withFolder { folder in
            let pem = try await openssl(["genpkey", "-aes256", "-pass", "pass:x"] + Case.p256, in: folder)
            #expect(throws: PrivateKey.Failure.unreadable) { try PrivateKey(pem: Array(pem.utf8)) }
        }
    }

    @Test("a text without a private key is rejected")
    func noKey() async throws {
        try await withFolder { folder in
            try await openssl(["genpkey", "-out", "key.pem"] + Case.p256, in: folder)
            let publicKey = try await openssl(["pkey", "-in", "key.pem", "-pubout"], in: folder)
            let half = try read("key.pem", in: folder).prefix(100)
            for pem in [[], Array("x".utf8), Array(publicKey.utf8), Array(half), [UInt8](repeating: 0x2d, count: 70_000)] {
                #expect(throws: PrivateKey.Failure.unreadable) { try PrivateKey(pem: pem) }
            }
        }
    }

    @Test("prints its kind only")
    func description() throws {
        let key = try PrivateKey(generating: .p256)
        #expect("\(key)" == "PrivateKey(p256)")
        #expect(String(reflecting: key) == "PrivateKey(p256)")
    }
}
