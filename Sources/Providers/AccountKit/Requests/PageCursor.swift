internal import DoormanSupport
internal import ProviderHTTP

/// Where the next page begins: the parameter `after` of `paging.next`.
///
/// That is a whole URL which holds the app token, secret and all. It is never followed and never shown: nothing but the cursor is
/// taken out of it, and our own request is built around that.
package enum PageCursor {
    /// The longest cursor that is taken, in bytes.
    package static let maximumBytes = 512

    /// Whether the text can be a cursor: letters, digits, and what base64 and its form for URLs have besides. There is no `|`, so no
    /// app token can be one.
    package static func isPossible(_ text: String) -> Bool {
        (1...maximumBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0.isASCIIAlphanumeric || "+-/=_".utf8.contains($0) }
    }

    /// - Returns: Nil if the URL has no cursor, more than one, or one that is none.
    static func read(fromNextURL url: String) -> String? {
        guard let mark = url.firstIndex(of: "?") else { return nil }
        let values = url[url.index(after: mark)...].split(separator: "&").filter { $0.hasPrefix("after=") }
        guard values.count == 1, let bytes = PercentEncoding.decoded(values[0].dropFirst("after=".count).utf8),
            let cursor = String(validating: bytes, as: UTF8.self), isPossible(cursor)
        else { return nil }
        return cursor
    }
}
