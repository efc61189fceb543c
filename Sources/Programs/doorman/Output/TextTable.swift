internal import DoormanClient

/// Rows of text in columns that are as wide as they need to be.
enum TextTable {
    /// Nil if there are no rows.
    ///
    /// - Parameter numbersFrom: The first of the columns that are aligned to the right.
    static func text(_ header: [String], _ rows: [[String]], numbersFrom: Int) -> String? {
        guard !rows.isEmpty else { return nil }
        let rows = ([header] + rows).map { $0.map(\.printable) }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - row[column].count)
                return column < numbersFrom ? row[column] + gap : gap + row[column]
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}

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
