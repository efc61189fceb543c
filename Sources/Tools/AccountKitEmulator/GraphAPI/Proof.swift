private import DoormanCrypto

/// The `appsecret_proof` that a call with this token must carry: HMAC-SHA-256 under the app's secret, in lowercase hexadecimal.
func appSecretProof(secret: String, token: String) -> String {
    HMACSHA256(key: Array(secret.utf8)).authenticationCode(for: Array(token.utf8).span).hexadecimal
}

/// How much of its allowance an application has used, in percent of each: what Graph says in `X-App-Usage`.
package struct AppUsage: Sendable, Hashable {
    package var callCount: Int
    package var totalCPUTime: Int
    package var totalTime: Int

    package init(callCount: Int, totalCPUTime: Int = 0, totalTime: Int = 0) {
        self.callCount = callCount
        self.totalCPUTime = totalCPUTime
        self.totalTime = totalTime
    }

    /// No call is left.
    package static let exhausted = AppUsage(callCount: 100, totalCPUTime: 25, totalTime: 25)

    var header: Answer.Header {
        Answer.Header(
            "X-App-Usage", #"{"call_count":\#(callCount),"total_cputime":\#(totalCPUTime),"total_time":\#(totalTime)}"#)
    }
}
