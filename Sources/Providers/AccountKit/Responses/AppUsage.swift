internal import ProviderHTTP

/// The `X-App-Usage` header (the contract, section 3): `{"call_count":N,"total_time":N,"total_cputime":N}`, how much of its limits
/// the application has used up, in percent. Once one of them is at 100, Account Kit throttles.
enum AppUsage {
    /// More is no percentage that anybody meant.
    private static let maximum: Int64 = 10_000
    /// A header of this contract has less than a hundred bytes; what is longer is not even read.
    private static let maximumBytes = 1024

    /// - Returns: The highest of the values. Nil if there is none, or any of them makes no sense.
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
