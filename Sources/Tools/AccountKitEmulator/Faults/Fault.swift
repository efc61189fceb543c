/// A way to go wrong, on demand.
package enum Fault: Sendable, Hashable {
    // The answer is right, but late or in another form.

    /// The body in two chunks, without its length beforehand, as Account Kit sent it now and then.
    case chunked

    /// Every answer is this late.
    case latency(Duration)
    /// Every answer is late by a random time of this range.
    case jitteredLatency(ClosedRange<Duration>)
    /// `X-App-Usage` on whatever is answered.
    case appUsage(AppUsage)

    // The call is refused, and nothing is changed by it.

    /// 500, code 2, `is_transient`.
    case serviceUnavailable
    /// 400, code 1, "An unknown error has occurred."
    case unknownError
    /// 403, code 4, with `X-App-Usage`.
    case usageLimitReached(AppUsage)
    /// 429, code 4, with `Retry-After`.
    case tooManyRequests(retryAfterSeconds: Int)
    /// 429 as an HTML page without a code, with `Retry-After`.
    case bareTooManyRequests(retryAfterSeconds: Int)
    /// 502, an HTML page.
    case badGateway
    /// 400, code 190 as of 2019, with `"error_data":[]`.
    case errorDataList

    // The call is done, and what it says is wrong.

    /// `me` does not name the application.
    case applicationMissing
    /// `me` gives the application's id as a number.
    case applicationNumeric
    /// `me` names another application.
    case applicationForeign
    /// `me` gives neither phone nor e-mail.
    case noContact
    /// The right body as `text/html`.
    case wrongContentType
    /// 200 and no byte of body.
    case emptyBody
    /// The first half of the right body, as a complete response.
    case truncatedJSON
    /// 200 and a JSON object of at least this many bytes. The contract's test is 10 MB.
    case oversizedBody(bytes: Int)

    // The call is done, and the answer has trouble getting through.

    /// The status line and headers, a byte at a time with this pause before each. Over HTTP/2, which can't send part of a head, it
    /// comes whole, after as long.
    case slowHeaders(pause: Duration)
    /// The body, a byte at a time with this pause before each.
    case slowBody(pause: Duration)
    /// Half of the body, then a reset: of the TCP connection, or of the call's own stream over HTTP/2.
    case reset
    /// Half of the body, then a TCP reset, which over HTTP/2 takes the other calls of the connection along.
    case connectionReset
    /// Half of the body, then the connection's orderly end: a `GOAWAY` over HTTP/2, the end of the stream of bytes before it.
    case goAway
    /// Not one byte, ever.
    case hang

    /// ``usageLimitReached(_:)`` as it was seen.
    package static let throttled = Fault.usageLimitReached(.exhausted)
}

extension Fault {
    /// The answer given in the contract's place, if the call is refused.
    var refusal: Answer? {
        switch self {
        case .serviceUnavailable: .failure(.unavailable)
        case .unknownError: .failure(.hiccup)
        case .usageLimitReached(let usage): .failure(.throttled(usage))
        case .tooManyRequests(let seconds): .failure(.tooManyRequests(retryAfter: seconds))
        case .bareTooManyRequests(let seconds):
            .html(status: 429, "Too many requests.", headers: [Answer.Header("Retry-After", String(seconds))])
        case .badGateway: .html(status: 502, "Sorry, something went wrong.")
        case .errorDataList: .failure(.tokenRevoked)
        default: nil
        }
    }

    /// What is wrong with the identity in the answer.
    var flaw: IdentityFlaw? {
        switch self {
        case .applicationMissing: .applicationMissing
        case .applicationNumeric: .applicationNumeric
        case .applicationForeign: .applicationForeign
        case .noContact: .noContact
        default: nil
        }
    }

    /// The answer with what this fault changes in its content.
    func alter(_ answer: Answer) -> Answer {
        var answer = answer
        switch self {
        case .appUsage(let usage): answer.headers.append(usage.header)
        case .wrongContentType:
            answer.headers = answer.headers.map { $0.name == Answer.jsonType.name ? Answer.htmlType : $0 }
        case .emptyBody:
            answer.status = 200
            answer.body = []
        case .truncatedJSON:
            answer.body = Array(answer.body.prefix(answer.body.count / 2))
        default: break
        }
        return answer
    }

    /// The delivery of an answer, with what goes wrong on its way.
    func delivery(
        of answer: Answer, for request: RequestForm, using generator: inout some RandomNumberGenerator
    ) -> Delivery {
        let whole = Delivery(answer, for: request)
        switch self {
        case .latency(let time): return whole.delayed(by: time)
        case .jitteredLatency(let range):
            let nanoseconds = range.lowerBound.nanoseconds...range.upperBound.nanoseconds
            return whole.delayed(by: .nanoseconds(Int64.random(in: nanoseconds, using: &generator)))
        case .chunked: return Delivery(chunked: answer, for: request)
        case .oversizedBody(let bytes): return Delivery(oversized: bytes, like: answer, for: request)
        case .slowHeaders(let pause): return Delivery(answer, for: request, headPause: pause)
        case .slowBody(let pause): return Delivery(answer, for: request, bodyPause: pause)
        case .reset: return Delivery(halfOf: answer, for: request, end: .reset)
        case .connectionReset: return Delivery(halfOf: answer, for: request, end: .resetConnection)
        case .goAway: return Delivery(halfOf: answer, for: request, end: .goAway)
        case .hang: return Delivery.never(status: answer.status)
        default: return whole
        }
    }
}

extension Duration {
    /// The whole nanoseconds; only for durations of less than 292 years.
    var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
