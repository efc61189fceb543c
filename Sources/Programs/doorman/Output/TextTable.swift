internal import DoormanClient

/// Formats rows of text in aligned columns.
enum TextTable {
    /// Returns the table, or `nil` if there are no rows.
    ///
    /// - Parameters:
    ///   - header: The title of each column.
    ///   - rows: The cells of each row, as many as columns.
    ///   - numbersFrom: The index of the first right-aligned column.
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

/// Formats accounts in columns. Accounts arrive page by page, so the columns have fixed widths.
enum AccountsTable {
    static let header = row("ACCOUNT", "PHONE", "E-MAIL")

    static func row(_ account: Account) -> String {
        row(account.id.printable, account.phoneNumber?.printable ?? "-", account.email?.printable ?? "-")
    }

    /// An id has at most 20 digits (64 bits). A phone number has at most 15 digits and a plus (E.164).
    private static func row(_ id: String, _ phone: String, _ email: String) -> String {
        padded(id, 20) + "  " + padded(phone, 16) + "  " + email + "\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
