package import NIOSSL

/// Checks whether a private key belongs to a certificate. NIOSSL leaves the check to BoringSSL, reports no cause, and leaks the
/// new context: some kilobytes for each mismatch.
package enum KeyPair {
    /// Returns whether the private key belongs to the certificate.
    ///
    /// - Returns: `nil` if the key contains no public part to compare, such as an Ed25519 key.
    package static func belongTogether(privateKey: NIOSSLPrivateKey, certificate: NIOSSLCertificate) -> Bool? {
        guard let spki = try? certificate.extractPublicKey().toSPKIBytes(), let known = publicPart(ofSPKI: spki),
            let der = try? privateKey.derBytes, let own = publicPart(ofPrivateKey: der)
        else { return nil }
        return known.elementsEqual(own)
    }

    /// Returns the `subjectPublicKey` (RFC 5280, 4.1) without the octet that counts unused bits.
    private static func publicPart(ofSPKI der: [UInt8]) -> ArraySlice<UInt8>? {
        var outer = DERReader(der[...])
        guard var inner = outer.next().map({ DERReader($0.contents) }), inner.next()?.tag == DERReader.sequence,
            let key = inner.next(), key.tag == DERReader.bitString
        else { return nil }
        return key.contents.dropFirst()
    }

    /// Returns the public part of a private key in the form that a certificate has. For `RSAPrivateKey` (RFC 8017, A.1.2) it is
    /// modulus and exponent. For `ECPrivateKey` (RFC 5915, 3) it is the point, which is optional.
    private static func publicPart(ofPrivateKey der: [UInt8]) -> ArraySlice<UInt8>? {
        var outer = DERReader(der[...])
        guard var inner = outer.next().map({ DERReader($0.contents) }), inner.next()?.tag == DERReader.integer,
            let second = inner.next()
        else { return nil }
        switch second.tag {
        case DERReader.integer:
            guard let exponent = inner.next() else { return nil }
            return DERReader.element(DERReader.sequence, holding: second.whole + exponent.whole)
        case DERReader.octetString:
            while let field = inner.next() {
                guard field.tag == DERReader.context1 else { continue }
                var explicit = DERReader(field.contents)
                let point = explicit.next()?.contents.dropFirst()
                // A compressed point (SEC 1, 2.3.3) differs from that in the certificate.
                return point?.first == 0x04 ? point : nil
            }
            return nil
        default:
            return nil
        }
    }
}

/// Reads DER elements (X.690) one after the other, from keys that BoringSSL wrote.
private struct DERReader {
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let sequence: UInt8 = 0x30
    static let context1: UInt8 = 0xA1

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// Returns the next element; `nil` at the end or for malformed data.
    mutating func next() -> (tag: UInt8, contents: ArraySlice<UInt8>, whole: ArraySlice<UInt8>)? {
        let whole = rest
        guard let tag = rest.popFirst(), let first = rest.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            let octets = rest.prefix(Int(first & 0x7F))
            guard (1...4).contains(octets.count) else { return nil }
            length = octets.reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(octets.count)
        }
        guard length <= rest.count else { return nil }
        let contents = rest.prefix(length)
        rest = rest.dropFirst(length)
        return (tag, contents, whole[..<contents.endIndex])
    }

    static func element(_ tag: UInt8, holding contents: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var length: [UInt8] = []
        var rest = contents.count
        repeat {
            length.insert(UInt8(rest & 0xFF), at: 0)
            rest >>= 8
        } while rest > 0
        if contents.count >= 0x80 { length.insert(0x80 | UInt8(length.count), at: 0) }
        return [tag] + length + contents
    }
}
