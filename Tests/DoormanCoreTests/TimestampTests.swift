import DoormanCore
import Testing

@Suite("Moments of civil time")
struct TimestampTests {
    let moment = Timestamp(millisecondsSince1970: 1_500_000_000_000)

    @Test("steps forward and back")
    func steps() {
        #expect(moment.advanced(by: .seconds(60)) == Timestamp(millisecondsSince1970: 1_500_000_060_000))
        #expect(moment.advanced(by: .milliseconds(-1)) == Timestamp(millisecondsSince1970: 1_499_999_999_999))
        #expect(moment.advanced(by: .zero) == moment)
    }

    @Test("what is less than a millisecond is rounded down, before the moment as after it")
    func rounding() {
        #expect(moment.advanced(by: .microseconds(1999)) == Timestamp(millisecondsSince1970: 1_500_000_000_001))
        #expect(moment.advanced(by: .microseconds(-1)) == Timestamp(millisecondsSince1970: 1_499_999_999_999))
        #expect(moment.advanced(by: .milliseconds(-2)) == Timestamp(millisecondsSince1970: 1_499_999_999_998))
    }

    @Test("a step beyond the end of time stays there")
    func end() {
        #expect(Timestamp.distantFuture.advanced(by: .milliseconds(1)) == .distantFuture)
        #expect(moment.advanced(by: .seconds(Int64.max)) == .distantFuture)
        #expect(moment.advanced(by: .milliseconds(Int64.max)) == .distantFuture)
    }

    @Test("a step before the beginning of time stays there, and does not jump to its end")
    func beginning() {
        let beginning = Timestamp(millisecondsSince1970: .min)
        #expect(beginning.advanced(by: .milliseconds(-1)) == beginning)
        #expect(moment.advanced(by: .seconds(Int64.min)) == beginning)
    }

    @Test("they are ordered")
    func order() {
        #expect(Timestamp(millisecondsSince1970: -1) < Timestamp(millisecondsSince1970: 0))
        #expect(moment < .distantFuture)
    }
}
