internal import DoormanWire

/// Answers given without waiting, counted a read at a time so that the metrics are touched once a read.
package struct AnswerTally: Sendable {
    package var fromMemory = 0
    package var healthChecks = 0
    package var draining = 0
    package var wrong = 0
    package var unimplemented = 0
    package var callerNotAllowed = 0
    package var serviceUnknown = 0
    /// Calls over one of the caller's limits, or the server's.
    var overLimit: [Failure: Int] = [:]
    package var refusedByForm = 0

    package init() {}

    /// Whether anything but hits is in it.
    var holdsMoreThanHits: Bool {
        healthChecks | draining | wrong | unimplemented | callerNotAllowed | serviceUnknown | refusedByForm != 0
            || !overLimit.isEmpty
    }

    mutating func add(_ other: AnswerTally) {
        fromMemory += other.fromMemory
        healthChecks += other.healthChecks
        draining += other.draining
        wrong += other.wrong
        unimplemented += other.unimplemented
        callerNotAllowed += other.callerNotAllowed
        serviceUnknown += other.serviceUnknown
        if !other.overLimit.isEmpty { overLimit.merge(other.overLimit, uniquingKeysWith: +) }
        refusedByForm += other.refusedByForm
    }

    /// Calls that were refused before it mattered which method they are of.
    var refusals: [(key: Failure, value: Int)] {
        [
            (.draining, draining), (.malformedRequest, wrong), (.unimplemented, unimplemented),
            (.callerNotAllowed, callerNotAllowed), (.serviceUnknown, serviceUnknown), (.malformedToken, refusedByForm),
        ] + Array(overLimit)
    }
}
