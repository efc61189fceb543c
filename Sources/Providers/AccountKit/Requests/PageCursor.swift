internal import DoormanSupport
internal import ProviderHTTP

/// The cursor of the next page: the parameter `after` of `paging.next`.
///
/// `paging.next` is a URL that contains the app token with its secret. It is never requested and never shown: only the cursor is
/// read from it, and the next request is built around that cursor.
package enum PageCursor {
    /// The maximum length of a cursor, in bytes.
    package static let maximumBytes = 512

    /// Whether a text can be a cursor: characters of base64 and base64url. They exclude `|`, so an app token is never a cursor.
    package static func isPossible(_ text: String) -> Bool {
        (1...maximumBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0.isASCIIAlphanumeric || "+-/=_".utf8.contains($0) }
    }

    /// Returns the cursor of a URL; `nil` if it has none, more than one, or an invalid one.
    static func read(fromNextURL url: String) -> String? {
        guard let mark = url.firstIndex(of: "?") else { return nil }
        let values = url[url.index(after: mark)...].split(separator: "&").filter { $0.hasPrefix("after=") }
        guard values.count == 1, let bytes = PercentEncoding.decoded(values[0].dropFirst("after=".count).utf8),
            let cursor = String(validating: bytes, as: UTF8.self), isPossible(cursor)
        else { return nil }
        return cursor
    }
}
