import DoormanServer
import DoormanWire
import Logging
import TestKit
import Testing

@testable import DoormanAdmin
@testable import DoormanDaemon

/// Causes each failure of the contract, and looks for it where an operator would.
@Suite("Every row of the failure contract as operators see it")
struct SeenRowTests {
    @Test(
        "is in the metrics, on the status page and in the log",
        arguments: EveryRowTests.rows)
    func row(failure: Failure) async throws {
        let (trial, recorder) = (Trial(failure), LogRecorder())
        let logger = Logger(label: "test", factory: { _ in recorder })
        try await Stack.run(settings: trial.settings, logger: logger, time: trial.time) { stack in
            let peer = try RawPeer.connect(port: stack.port)
            try await trial.prepare(stack, peer)
            let request = try trial.request(stack)
            for streamID in failure == .wrongProvider ? [Trial.warmUp, 101] : [101] {
                try await peer.send(request(streamID))
                while try await peer.readFrame().streamID != streamID {}
            }
            await StateMonitor(server: stack.server, dependencies: stack.dependencies, logger: logger).look()
            var figures = AdminFigures(statistics: await stack.server.statistics())
            figures.details.counters = await stack.server.counters()
            let (code, reason) = (failure.row.code.description, failure.row.reason ?? "")
            let series = try Regex(#"doorman_calls_total\{.*protocol="ttrpc",.*code="\#(code)",reason="\#(reason)"\} [1-9]"#)
            #expect(MetricsText.write(figures).contains(series))
            let page = StatusPage(figures, samples: [], minuteAgo: nil).html.source
            #expect(page.contains("<code>\(reason.isEmpty ? code : reason)</code>"))
            #expect(recorder.lines.contains { $0.hasPrefix(failure.line) }, "\(recorder.lines)")
        }
    }
}

extension Failure {
    /// The beginning of the line that the log has at the beginning of the failure's state.
    fileprivate var line: String {
        switch self {
        case .callerNotAllowed: "warning a caller makes calls that it is not allowed to make"
        case .providerUnavailable: "warning the provider is unavailable"
        case .providerBusy: "warning the provider rate limits this application"
        case .providerMisconfigured: "error the provider rejects the application's credential or settings"
        case .tooManyCalls, .tooManyMisses, .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyDenials:
            "warning a caller exceeds its limit"
        case .tooManyCallsAtServer: "warning a limit of the server is exceeded"
        case .tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken, .insufficientScope,
            .malformedRequest, .unimplemented, .serviceUnknown, .storeUnavailable, .deadlineExceeded, .frameTooLong, .draining,
            .internal:
            "info calls fail code=\(row.code)" + (row.reason.map { " reason=\($0)" } ?? "")
        }
    }
}
