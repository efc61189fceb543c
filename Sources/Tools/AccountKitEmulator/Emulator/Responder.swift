internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Between connections and the emulation: makes a call of a request's head, asks for its answer, and logs how that went.
struct Responder: Sendable {
    let scheme: String
    let logger: Logger
    let respond: @Sendable (Call, RequestForm) -> Emulation.Outcome

    func call(of head: HTTPRequestHead) -> Call {
        let host = head.headers.first(name: "Host") ?? "127.0.0.1"
        return Call(method: head.method.rawValue, target: head.uri, origin: "\(scheme)://\(host)")
    }

    /// - Returns: How to answer, and what to call when that is done.
    func answer(_ call: Call, _ form: RequestForm) -> (delivery: Delivery, noteEnd: @Sendable () -> Void) {
        let start = NIODeadline.now()
        let outcome = respond(call, form)
        return (
            outcome.delivery,
            {
                logger.debug(
                    "answered",
                    metadata: [
                        "method": "\(call.method)", "endpoint": "\(outcome.name)", "status": "\(outcome.delivery.status)",
                        "milliseconds": "\((NIODeadline.now() - start).nanoseconds / 1_000_000)",
                    ])
            }
        )
    }
}
