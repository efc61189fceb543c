import DoormanCrypto

// A span may not outlive the array it looks into, so a literal needs a name: an argument gives it one.

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
