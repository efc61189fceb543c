package import DoormanTracing

/// What a call's trace has to know of its request.
package struct CallOrigin: Sendable {
    /// The interface by which a call came.
    package enum Interface: String, Sendable {
        case ttrpc
        case grpc
        case http
    }

    package let interface: Interface
    /// The trace that the caller's request belongs to; `nil` if the caller sent none.
    package let trace: TraceContext?

    package init(_ interface: Interface, trace: TraceContext?) {
        self.interface = interface
        self.trace = trace
    }
}
