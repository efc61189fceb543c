/// Tokens, codes and ids of the shapes that Account Kit's recordings show.
enum RandomText {
    private static let digits = Array("0123456789".utf8)
    private static let alphanumerics = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let base64URL = alphanumerics + Array("-_".utf8)
    private static let base64 = alphanumerics + Array("+/".utf8)

    /// `EMAW` and 162 alphanumerics.
    static func token() -> String { "EMAW" + text(162, of: alphanumerics) }

    /// `EAA` and 190 alphanumerics: a user token of Facebook Login.
    static func facebookToken() -> String { FacebookGrant.prefix + text(190, of: alphanumerics) }

    /// `AQ` and 278 characters of base64url.
    static func code() -> String { "AQ" + text(278, of: base64URL) }

    /// 16 decimal digits, the first of which is not 0.
    static func accountID() -> String { String(Int.random(in: 1...9)) + text(15, of: digits) }

    /// 22 characters of base64url, for the ids of keys and JSON Web Tokens.
    static func keyID() -> String { text(22, of: base64URL) }

    /// 11 alphanumerics.
    static func traceID() -> String { text(11, of: alphanumerics) }

    /// The 88 characters of an `X-FB-Debug` header.
    static func debugMark() -> String { text(86, of: base64) + "==" }

    private static func text(_ count: Int, of alphabet: [UInt8]) -> String {
        String(decoding: (0..<count).map { _ in alphabet[Int.random(in: alphabet.indices)] }, as: UTF8.self)
    }
}
