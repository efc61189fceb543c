internal import DoormanWire
internal import ServiceContextModule
internal import Tracing

/// The tracing system of the process, as a client uses it: the tracer records calls, and the instrument decides the metadata to send, such as
/// `traceparent` (W3C Trace Context).
///
/// The process sets both before it creates the client. Without them, a call costs two comparisons.
struct CallTracing: Sendable {
    private let tracer: (any Tracer)?
    private let instrument: (any Instrument)?

    /// - Parameters:
    ///   - tracer: Default: that of the process.
    ///   - instrument: Default: that of the process, which is the tracer or has it as a part.
    init(
        tracer: any Tracer = InstrumentationSystem.tracer, instrument: any Instrument = InstrumentationSystem.instrument
    ) {
        self.tracer = tracer is NoOpTracer ? nil : tracer
        self.instrument = instrument is NoOpInstrument ? nil : instrument
    }

    /// Starts the span of a call, as a child of the task's span.
    ///
    /// - Returns: `nil` without a tracer.
    func start(_ method: Method) -> CallSpan? { tracer.map { CallSpan(method, $0) } }

    /// Returns the trace context of a call as its metadata.
    ///
    /// - Parameter span: The call's span; `nil` for the context of the task.
    func metadata(_ span: CallSpan?) -> [MetadataEntry] {
        guard let instrument, let context = span?.context ?? ServiceContext.current else { return [] }
        var entries: [MetadataEntry] = []
        instrument.inject(context, into: &entries, using: EntryInjector())
        return entries
    }
}

private struct EntryInjector: Injector {
    func inject(_ value: String, forKey key: String, into entries: inout [MetadataEntry]) {
        // A C string in the server ends at a NUL byte.
        guard !key.utf8.contains(0), !value.utf8.contains(0) else { return }
        entries.append(MetadataEntry(key: key, value: value))
    }
}

/// The span of a call. Its attributes hold nothing of the request or the response, so no token, code or account.
struct CallSpan: Sendable {
    private let span: any Span

    fileprivate init(_ method: Method, _ tracer: any Tracer) {
        span = tracer.startSpan("\(method.service)/\(method.name)", context: .current ?? .topLevel, ofKind: .client)
        span.updateAttributes { attributes in
            attributes["rpc.system"] = "ttrpc"
            attributes["rpc.service"] = "\(method.service)"
            attributes["rpc.method"] = "\(method.name)"
        }
    }

    fileprivate var context: ServiceContext { span.context }

    /// Ends the span with the call.
    ///
    /// - Parameters:
    ///   - error: The call's error; `nil` if it succeeded.
    ///   - server: The server that responded, or else that of the last attempt; `nil` if the call was not sent.
    func end(_ error: DoormanError?, server: Server?) {
        span.updateAttributes { attributes in
            if let server {
                attributes["server.address"] = server.hostName ?? server.address.ipAddress ?? server.address.pathname
                if let port = server.address.port { attributes["server.port"] = port }
            }
            if let error { attributes["error.type"] = error.reason }
            if let code = statusCode(of: error) { attributes["rpc.grpc.status_code"] = Int(code.rawValue) }
        }
        if let error { span.setStatus(SpanStatus(code: .error, message: error.reason)) }
        span.end()
    }

    /// - Returns: `nil` for a failure on this side.
    private func statusCode(of error: DoormanError?) -> StatusCode? {
        guard let error else { return .ok }
        return Failure.allCases.first { $0.row.reason == error.reason }?.row.code
    }
}
