internal import ArgumentParser
internal import DoormanSupport

extension Duration {
    /// The range of durations in options.
    private static let optionRange: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// Parses a duration such as `500ms`, `2s`, `1m` or `1h`.
    init(option text: String) throws(ValidationError) {
        do throws(DurationText.ParseError) {
            self = try DurationText.parse(text, in: Self.optionRange, units: [.hours, .minutes, .seconds, .milliseconds])
        } catch {
            switch error {
            case .malformed: throw ValidationError("it is not a duration: write 500ms, 2s, 1m or 1h")
            case .outOfRange: throw ValidationError("it must be from 1ms to 24h")
            }
        }
    }
}
