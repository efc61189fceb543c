/// Recognizes tokens in the place of a host. A name server must not get them, and no message may repeat them.
package enum MisplacedToken {
    private static let minimumLength = 20

    /// Returns whether the host is probably a token:
    ///
    /// - a JSON Web Token, which begins with `{"` in Base64;
    /// - a UUID without a domain;
    /// - a label of 20 or more bytes with upper-case and lower-case letters;
    /// - 20 or more letters and digits without a hyphen, with both, in a name without a domain.
    ///
    /// Long labels of real hosts are in lower case and have short parts, such as those of pods in Kubernetes, or have a domain, such as
    /// those of load balancers at AWS.
    package static func isProbable(host: String) -> Bool {
        // Only addresses contain a colon.
        guard host.utf8.count >= minimumLength, !host.contains(":") else { return false }
        let labels = host.split(separator: ".")
        if host.hasPrefix("eyJ") || isUUID(host) { return true }
        return labels.contains { label in
            guard label.utf8.count >= minimumLength else { return false }
            if label.contains(where: \.isUppercase) && label.contains(where: \.isLowercase) { return true }
            guard labels.count < 3 else { return false }
            return label.split(whereSeparator: { "-_".contains($0) }).contains { part in
                part.utf8.count >= minimumLength && part.utf8.contains(where: \.isASCIIDigit)
                    && part.utf8.contains(where: \.isASCIILetter)
            }
        }
    }

    private static func isUUID(_ text: String) -> Bool {
        text.split(separator: "-", omittingEmptySubsequences: false).map(\.count) == [8, 4, 4, 4, 12]
            && text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || Character(UnicodeScalar($0)).isHexDigit }
    }
}
