internal import DoormanCore
internal import DoormanSupport

/// Splits telephone numbers in the form of E.164 into country code and national number.
///
/// ITU-T assigns country codes of one to three digits, of which none is the beginning of another. So the first two digits tell the length.
enum TelephoneNumber {
    /// The number of digits: 15 at most (E.164, section 6), and no less than the shortest numbers with country code.
    static let digits = 7...15

    /// The country codes of one digit: North America, and Russia with Kazakhstan.
    private static let ofOneDigit: Set<Substring> = ["1", "7"]
    /// The country codes of two digits (ITU Operational Bulletin, "List of Recommendation ITU-T E.164 assigned country codes").
    private static let ofTwoDigits: Set<Substring> = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52",
        "53",
        "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93",
        "94",
        "95", "98",
    ]
    /// The first two digits of the country codes of three digits. `28`, `83` and `89` are unassigned.
    private static let startsOfThreeDigits: Set<Substring> = [
        "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69", "80", "85", "87", "88",
        "96",
        "97", "99",
    ]

    /// Parses a number with a leading `+`; `nil` if it has another form, or an unassigned country code.
    static func parse(_ text: String) -> PhoneNumber? {
        guard text.utf8.first == UInt8(ascii: "+") else { return nil }
        let number = text.dropFirst()
        guard digits.contains(number.utf8.count), number.utf8.allSatisfy(\.isASCIIDigit), let length = prefixLength(number) else {
            return nil
        }
        return PhoneNumber(
            number: text, countryPrefix: String(number.prefix(length)), nationalNumber: String(number.dropFirst(length)))
    }

    private static func prefixLength(_ number: Substring) -> Int? {
        if ofOneDigit.contains(number.prefix(1)) { return 1 }
        if ofTwoDigits.contains(number.prefix(2)) { return 2 }
        return startsOfThreeDigits.contains(number.prefix(2)) ? 3 : nil
    }
}
