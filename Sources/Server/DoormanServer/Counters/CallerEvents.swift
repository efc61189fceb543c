/// Calls that the server turned down for the same reason, for the log.
package struct CallerEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// A limit was exceeded. The text names its setting.
        case limitExceeded(String)
        /// The caller has no permission. The text says for what, such as "call doorman.v1.Stats/Get".
        case notAllowed(String)
        /// HTTP requests of the caller named profiles that the settings lack.
        case unknownProfile
        /// An identity has a value with a control byte, which no HTTP header can hold. The text is the header's name.
        case withheldHeader(String)
    }

    /// The caller's name; `nil` for a limit of the server.
    package let caller: String?
    package let kind: Kind

    package init(caller: String?, kind: Kind) {
        self.caller = caller
        self.kind = kind
    }
}

/// The numbers of such calls since they were last taken. Bounded, because any number of callers can exceed their limits.
package struct CallerEvents: Sendable, Hashable {
    /// The maximum number of different events. Those of further callers are counted as those of "others".
    static let maximumCount = 64

    package private(set) var counts: [CallerEvent: UInt64] = [:]

    package init() {}

    mutating func note(_ event: CallerEvent, count: UInt64 = 1) {
        // The limits that are not a caller's are few, and callers must not hide them.
        if event.caller == nil || counts[event] != nil || counts.count < Self.maximumCount {
            counts[event, default: 0] &+= count
        } else {
            counts[CallerEvent(caller: "others", kind: event.kind), default: 0] &+= count
        }
    }

    package mutating func add(_ other: CallerEvents) {
        for (event, count) in other.counts { note(event, count: count) }
    }
}
