package import DoormanCore
internal import DoormanCrypto
internal import StrictJSON

/// The second spelling of a token that is signed on an elliptic curve.
///
/// If *(r, s)* is a valid signature of ECDSA, *(r, n − s)* is one, too, and everyone can compute it. Issuers use either, so neither can be
/// refused. Signatures of the other algorithms have one spelling.
package enum SignatureTwin {
    /// Returns the token with the other signature; `nil` if the token is malformed or signed by another algorithm.
    package static func token(of token: Token, maximumBytes: Int) -> Token? {
        do throws(RejectedToken) {
            let parts = try CompactParts(token.bytes, maximumBytes: maximumBytes)
            guard let bytes = Base64URLDecoder.decode(token.bytes.span.extracting(parts.header)),
                let algorithm = JSONValue(bytes: bytes)?.object?["alg"]?.string, let curve = Curve(ofAlgorithm: algorithm),
                let signature = Base64URLDecoder.decode(token.bytes.span.extracting(parts.signature)),
                signature.count == 2 * curve.coordinateBytes
            else { return nil }
            let r = signature[..<curve.coordinateBytes]
            guard let other = subtract(signature[curve.coordinateBytes...], from: curve.order) else { return nil }
            let prefix = token.bytes[..<parts.signature.lowerBound]
            return Token(bytes: prefix + Base64URLEncoder.encode(Array(r) + other))
        } catch {
            return nil
        }
    }

    /// Returns the difference of two numbers of equal length in big-endian order; `nil` if it is negative.
    private static func subtract(_ number: ArraySlice<UInt8>, from minuend: [UInt8]) -> [UInt8]? {
        var difference: [UInt8] = []
        var borrow = 0
        for (left, right) in zip(minuend.reversed(), number.reversed()) {
            let digit = Int(left) - Int(right) - borrow
            borrow = digit < 0 ? 1 : 0
            difference.append(UInt8(truncatingIfNeeded: digit))
        }
        return borrow == 0 ? difference.reversed() : nil
    }
}

/// The size of a curve, by the algorithm that a token's header names. The rest of the header does not matter: an introspection endpoint may
/// accept tokens that Doorman itself would not.
private struct Curve {
    let coordinateBytes: Int
    /// The order in big-endian order.
    let order: [UInt8]

    init?(ofAlgorithm name: String) {
        switch name {
        case "ES256": self.init(.p256)
        case "ES384": self.init(.p384)
        case "ES512": self.init(.p521)
        case "ES256K":
            // secp256k1 (SEC 2, section 2.4.1; RFC 8812).
            let head = [UInt8](repeating: 0xff, count: 15) + [0xfe]
            let tail: [UInt8] = [
                0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
            ]
            self.init(coordinateBytes: 32, order: head + tail)
        default: return nil
        }
    }

    private init(_ curve: EllipticCurve) { self.init(coordinateBytes: curve.coordinateBytes, order: curve.order) }

    private init(coordinateBytes: Int, order: [UInt8]) {
        self.coordinateBytes = coordinateBytes
        self.order = order
    }
}
