internal import DoormanClient

/// Accounts in columns, for people. They come page by page, so columns are as wide as what is in them ever gets, whatever comes.
enum AccountsTable {
    static let header = row("ACCOUNT", "PHONE", "E-MAIL")

    static func row(_ account: Account) -> String {
        row(account.id.printable, account.phoneNumber?.printable ?? "-", account.email?.printable ?? "-")
    }

    /// 20 digits are the most that an unsigned number of 64 bits has; 15 and a plus are a phone number's (E.164).
    private static func row(_ id: String, _ phone: String, _ email: String) -> String {
        padded(id, 20) + "  " + padded(phone, 16) + "  " + email + "\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
