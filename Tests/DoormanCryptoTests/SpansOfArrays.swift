import DoormanCrypto

// A span must not outlive its array, so these functions take arrays as arguments.

extension HMACSHA256 {
    func authenticationCode(for message: [UInt8]) -> AuthenticationCode {
        authenticationCode(for: message.span)
    }
}

extension HMACSHA256.Feeder {
    mutating func append(_ bytes: [UInt8]) {
        append(bytes.span)
    }

    mutating func appendLengthPrefixed(_ bytes: [UInt8]) {
        appendLengthPrefixed(bytes.span)
    }
}

func areEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    constantTimeEquals(left.span, right.span)
}
