internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Between connections and the emulation: makes a call of a request's head, asks for its answer, and logs how that went.
struct Responder: Sendable {
    let scheme: String
    let logger: Logger
    let respond: @Sendable (GraphRequest, RequestShape) -> EmulatorState.Outcome

    func call(of head: HTTPRequestHead) -> GraphRequest {
        let host = head.headers.first(name: "Host") ?? "127.0.0.1"
        return GraphRequest(method: head.method.rawValue, target: head.uri, origin: "\(scheme)://\(host)")
    }

    /// - Returns: How to answer, and what to call when that is done.
    func answer(_ call: GraphRequest, _ form: RequestShape) -> (script: ResponseScript, noteEnd: @Sendable () -> Void) {
        let start = NIODeadline.now()
        let outcome = respond(call, form)
        return (
            outcome.script,
            {
                logger.debug(
                    "answered",
                    metadata: [
                        "method": "\(call.method)", "endpoint": "\(outcome.name)", "status": "\(outcome.script.status)",
                        "milliseconds": "\((NIODeadline.now() - start).nanoseconds / 1_000_000)",
                    ])
            }
        )
    }
}
