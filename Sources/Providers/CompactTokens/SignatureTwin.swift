package import DoormanCore
internal import DoormanCrypto

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
                let curve = try TokenHeader(bytes).algorithm.curve,
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

extension SignatureAlgorithm {
    fileprivate var curve: EllipticCurve? {
        switch self {
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        default: nil
        }
    }
}
