internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Connects HTTP to the state of the emulator: parses a request, looks up its response, and logs the call.
struct Responder: Sendable {
    let scheme: String
    let logger: Logger
    let respond: @Sendable (GraphRequest, RequestShape) -> EmulatorState.Outcome

    /// Returns a runner for the response to a request. The state changes now, before the first byte is sent.
    func respond(to head: HTTPRequestHead, shape: RequestShape, writer: any ResponseWriter, on loop: any EventLoop) -> ScriptRunner
    {
        let host = head.headers.first(name: "Host") ?? "127.0.0.1"
        let request = GraphRequest(method: head.method.rawValue, target: head.uri, origin: "\(scheme)://\(host)")
        let start = NIODeadline.now()
        let outcome = respond(request, shape)
        return ScriptRunner(outcome.script, writer: writer, on: loop) {
            logger.debug(
                "responded",
                metadata: [
                    "method": "\(request.method)", "endpoint": "\(outcome.name)", "status": "\(outcome.script.status)",
                    "milliseconds": "\((NIODeadline.now() - start).nanoseconds / 1_000_000)",
                ])
        }
    }

    /// Returns a runner for the response to a request that is too long or malformed.
    func reject(status: Int, shape: RequestShape, writer: any ResponseWriter, on loop: any EventLoop) -> ScriptRunner {
        let response = GraphResponse.html(status: status, "The request is too long or is not HTTP.")
        return ScriptRunner(ResponseScript(response, for: shape), writer: writer, on: loop)
    }
}
