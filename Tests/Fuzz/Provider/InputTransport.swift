internal import AccountKit
internal import FuzzKit
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A transport that takes its responses from the input. It scripts HTTP, not verdicts, so it is no `ScriptedProvider`.
final class InputTransport: HTTPTransport {
    private struct State {
        var input: InputReader
        var responses: [HTTPResponse] = []
    }

    private let state: NIOLockedValueBox<State>

    init(_ text: [UInt8]) {
        state = NIOLockedValueBox(State(input: InputReader(text)))
    }

    /// The responses so far.
    var responses: [HTTPResponse] { state.withLockedValue(\.responses) }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        let response = state.withLockedValue { state -> HTTPResponse? in
            guard !state.input.isAtEnd else { return nil }
            let response = HTTPResponse(text: state.input.bytes(until: 0))
            state.responses.append(response)
            return response
        }
        guard let response else { throw TransportError(.timedOut, requestMayHaveBeenSent: true) }
        return response
    }
}

extension HTTPResponse {
    /// Parses a status, header lines, an empty line and the body.
    fileprivate init(text: [UInt8]) {
        var input = InputReader(text)
        let status = String(decoding: input.bytes(until: UInt8(ascii: "\n")).prefix(3), as: UTF8.self)
        var headers = HTTPHeaders()
        while case let line = input.bytes(until: UInt8(ascii: "\n")), !line.isEmpty {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1].drop { $0 == 0x20 }, as: UTF8.self)
        }
        self.init(status: Int(status) ?? 200, headers: headers, body: input.remaining())
    }
}
