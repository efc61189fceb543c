internal import DoormanSupport

/// The contact that a person proved to have at the log-in: a phone or an e-mail address.
package enum Contact: Sendable, Hashable {
    case phone(PhoneNumber)
    case email(String)

    /// Creates the contact of an e-mail address. Only checks that it has a name and a domain.
    package static func email(checking address: String) throws(EmulatorError) -> Contact {
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        let isPrintable = address.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, isPrintable, address.utf8.count <= 254 else {
            throw EmulatorError(.badArgument, "email: must be an address such as test@example.com")
        }
        return .email(address)
    }
}

extension Contact {
    /// A phone number as of E.164: `+`, country prefix, national number; 7 to 15 digits in all.
    package struct PhoneNumber: Sendable, Hashable {
        package let countryPrefix: String
        package let nationalNumber: String

        package var number: String { "+" + countryPrefix + nationalNumber }

        /// Parses a number.
        ///
        /// - Parameter countryPrefix: The digits of the prefix. If it is `nil`, numbers that begin with `+1` or `+7` get a prefix
        ///   of one digit, all others one of two digits. Prefixes of three digits must be given.
        package init(_ number: String, countryPrefix: String? = nil) throws(EmulatorError) {
            let digits = number.dropFirst()
            guard number.first == "+", (7...15).contains(digits.utf8.count), digits.utf8.allSatisfy(\.isASCIIDigit)
            else {
                throw EmulatorError(.badArgument, "phone: must be + and 7 to 15 digits, such as +15551234567")
            }
            let guess = digits.prefix(digits.first == "1" || digits.first == "7" ? 1 : 2)
            let prefix = countryPrefix ?? String(guess)
            guard (1...3).contains(prefix.utf8.count), digits.hasPrefix(prefix) else {
                throw EmulatorError(
                    .badArgument, "country_prefix: must be the 1 to 3 digits that the phone begins with after its +")
            }
            self.countryPrefix = prefix
            self.nationalNumber = String(digits.dropFirst(prefix.count))
        }
    }
}
