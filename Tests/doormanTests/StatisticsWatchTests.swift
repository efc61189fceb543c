import Testing

@testable import doorman

@Suite("The screen of stats --watch")
struct StatisticsWatchTests {
    @Test("a text that fits is not changed")
    func fits() {
        #expect(StatisticsWatch.fitted("ab\ncd\n", rows: 2, columns: 2) == "ab\ncd")
    }

    @Test("a text of too many lines ends with the number of missing lines")
    func rows() {
        let text = StatisticsWatch.fitted("1\n2\n3\n4\n", rows: 3, columns: 80)
        #expect(text == "1\n2\n… 2 more lines: enlarge the window, or run 'doorman stats'")
    }

    @Test("a long line is cut at the edge")
    func columns() {
        #expect(StatisticsWatch.fitted("abcdef\nabcd\n", rows: 9, columns: 4) == "abc…\nabcd")
    }
}
