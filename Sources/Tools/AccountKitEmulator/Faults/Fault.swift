/// A failure that the emulator can induce.
package enum Fault: Sendable, Hashable {
    // Faults of time and form: the response is right.

    /// Sends the body in two chunks and without a length, as Account Kit did at times.
    case chunked
    /// Delays responses by this time.
    case latency(Duration)
    /// Delays each response by a random time of this range.
    case jitteredLatency(ClosedRange<Duration>)
    /// Adds `X-App-Usage` to responses.
    case appUsage(AppUsageHeader)

    // Faults that replace the response: the call is not carried out.

    /// 500, code 2, `is_transient`.
    case serviceUnavailable
    /// 400, code 1, "An unknown error has occurred."
    case unknownError
    /// 403, code 4, with `X-App-Usage`.
    case usageLimitReached(AppUsageHeader)
    /// 429, code 4, with `Retry-After`.
    case tooManyRequests(retryAfterSeconds: Int)
    /// 429 as an HTML page without a code, with `Retry-After`.
    case bareTooManyRequests(retryAfterSeconds: Int)
    /// 502, an HTML page.
    case badGateway
    /// 400, code 190 as of 2019, with `"error_data":[]`.
    case errorDataList

    // Faults of content: the call is carried out, and its response is wrong.

    /// `me` omits the application.
    case applicationMissing
    /// `me` has the application's id as a number.
    case applicationNumeric
    /// `me` names another application.
    case applicationForeign
    /// `me` omits phone and e-mail.
    case noContact
    /// The right body with the content type `text/html`.
    case wrongContentType
    /// 200 with an empty body.
    case emptyBody
    /// The first half of the right body, as a complete response.
    case truncatedJSON
    /// 200 with a JSON object of at least this many bytes.
    case oversizedBody(bytes: Int)

    // Faults of transport: the call is carried out, and its response arrives slowly, in part or never.

    /// Pauses before each byte of the status line and headers. Over HTTP/2, where a head is indivisible, the whole head is delayed
    /// by the same time.
    case slowHeaders(pause: Duration)
    /// Pauses before each byte of the body.
    case slowBody(pause: Duration)
    /// Sends half of the body, then resets the TCP connection over HTTP/1.1, the call's stream over HTTP/2.
    case reset
    /// Sends half of the body, then resets the TCP connection. Over HTTP/2 the connection's other calls fail, too.
    case connectionReset
    /// Sends half of the body, then closes the connection in good order; over HTTP/2 with a `GOAWAY`.
    case goAway
    /// Sends nothing, ever.
    case hang

    /// ``usageLimitReached(_:)`` with the usage that was recorded.
    package static let throttled = Fault.usageLimitReached(.exhausted)
}

extension Fault {
    /// The response that replaces the call's; `nil` if the call is carried out.
    var replacement: GraphResponse? {
        switch self {
        case .serviceUnavailable: .failure(.unavailable)
        case .unknownError: .failure(.unknownError)
        case .usageLimitReached(let usage): .failure(.throttled(usage))
        case .tooManyRequests(let seconds): .failure(.tooManyRequests(retryAfter: seconds))
        case .bareTooManyRequests(let seconds):
            .html(status: 429, "Too many requests.", headers: [GraphResponse.Header("Retry-After", String(seconds))])
        case .badGateway: .html(status: 502, "Sorry, something went wrong.")
        case .errorDataList: .failure(.tokenRevoked)
        default: nil
        }
    }

    /// The defect of the identity in the response; `nil` for none.
    var flaw: IdentityFlaw? {
        switch self {
        case .applicationMissing: .applicationMissing
        case .applicationNumeric: .applicationNumeric
        case .applicationForeign: .applicationForeign
        case .noContact: .noContact
        default: nil
        }
    }

    /// Returns the response with the content that this fault gives it.
    func alter(_ response: GraphResponse) -> GraphResponse {
        var response = response
        switch self {
        case .appUsage(let usage): response.headers.append(usage.header)
        case .wrongContentType:
            response.headers = response.headers.map { $0.name == GraphResponse.jsonType.name ? GraphResponse.htmlType : $0 }
        case .emptyBody:
            response.status = 200
            response.body = []
        case .truncatedJSON:
            response.body = Array(response.body.prefix(response.body.count / 2))
        default: break
        }
        return response
    }

    /// Returns the script that sends a response with this fault.
    func script(
        of response: GraphResponse, for shape: RequestShape, using rng: inout some RandomNumberGenerator
    ) -> ResponseScript {
        let whole = ResponseScript(response, for: shape)
        switch self {
        case .latency(let time): return whole.delayed(by: time)
        case .jitteredLatency(let range):
            let nanoseconds = range.lowerBound.nanoseconds...range.upperBound.nanoseconds
            return whole.delayed(by: .nanoseconds(Int64.random(in: nanoseconds, using: &rng)))
        case .chunked: return ResponseScript(chunked: response, for: shape)
        case .oversizedBody(let bytes): return ResponseScript(oversized: bytes, like: response, for: shape)
        case .slowHeaders(let pause): return ResponseScript(response, for: shape, headPause: pause)
        case .slowBody(let pause): return ResponseScript(response, for: shape, bodyPause: pause)
        case .reset: return ResponseScript(halfOf: response, for: shape, end: .reset)
        case .connectionReset: return ResponseScript(halfOf: response, for: shape, end: .resetConnection)
        case .goAway: return ResponseScript(halfOf: response, for: shape, end: .goAway)
        case .hang: return ResponseScript.never(status: response.status)
        default: return whole
        }
    }
}

extension Duration {
    /// The duration in whole nanoseconds. Traps for durations of 292 years or more.
    var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
