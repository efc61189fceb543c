internal import ArgumentParser
internal import DoormanSupport

extension Duration {
    /// Times that an option may set: from 1 ms to a day.
    private static let possibleForOptions: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// Reads a duration as people type it: `500ms`, `2s`, `1m` or `1h`.
    init(option text: String) throws(ValidationError) {
        do throws(DurationText.ParseError) {
            self = try DurationText.parse(text, in: Self.possibleForOptions, units: [.hours, .minutes, .seconds, .milliseconds])
        } catch {
            switch error {
            case .malformed: throw ValidationError("'\(text)' is no duration: write 500ms, 2s, 1m or 1h")
            case .outOfRange: throw ValidationError("'\(text)' is not from 1ms to 24h")
            }
        }
    }
}
