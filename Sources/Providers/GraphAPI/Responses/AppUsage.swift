internal import ProviderHTTP
internal import StrictJSON

/// The `X-App-Usage` header (Account Kit's contract, section 3): the used part of each of the application's limits, in percent.
///
/// Its form is `{"call_count":N,"total_time":N,"total_cputime":N}`. The Graph API throttles once a value reaches 100.
enum AppUsage {
    /// The maximum plausible percentage.
    private static let maximum: Int64 = 10_000
    /// The maximum length of the header, in bytes. A valid header has less than a hundred.
    private static let maximumBytes = 1024

    /// Returns the highest of the values, in percent; `nil` if there are none, or if one is malformed.
    static func percent(in headers: HTTPHeaders) -> Int? {
        guard let text = headers["X-App-Usage"], text.utf8.count <= maximumBytes,
            let usage = JSONValue(bytes: Array(text.utf8))?.object
        else { return nil }
        var highest: Int?
        for name in ["call_count", "total_time", "total_cputime"] {
            guard let value = usage[name] else { continue }
            guard case .integer(let percent) = value, (0...maximum).contains(percent) else { return nil }
            highest = max(highest ?? 0, Int(percent))
        }
        return highest
    }
}
