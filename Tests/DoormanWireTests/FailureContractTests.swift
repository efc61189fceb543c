import DoormanCore
import DoormanWire
import TestKit
import Testing

@Suite("The failure contract")
struct FailureContractTests {
    /// A line of the table in `docs/reference/wire-protocol.md`.
    struct Line: Hashable {
        var code: String
        var reason: String
        var retry: String
        var cached: String
    }

    @Test("the table in docs/reference/wire-protocol.md equals the table in code")
    func documented() throws {
        let documented = try lines()
        let coded = Failure.allCases.map(Line.init)
        for line in coded { #expect(documented.contains(line), "in code, but not in docs/reference/wire-protocol.md") }
        for line in documented { #expect(coded.contains(line), "in docs/reference/wire-protocol.md, but not in code") }
        #expect(documented.count == coded.count)
    }

    @Test("a failure's code and reason are unique", arguments: Failure.allCases)
    func isFoundAgain(_ failure: Failure) {
        #expect(Failure(code: failure.row.code, reason: failure.row.reason) == failure)
    }

    @Test(
        "the table and the verdict agree on what is cached", arguments: Rejection.Reason.allCases)
    func cached(_ reason: Rejection.Reason) {
        #expect(Failure(reason).row.isCached == Rejection(reason, "no").isCacheable)
    }

    @Test("a rejection never looks like an error")
    func rejectionsAndErrors() {
        let rejections = Set(Rejection.Reason.allCases.map { Failure($0) })
        let codes: [VerificationError.Code] = [
            .providerUnavailable, .providerBusy, .providerMisconfigured, .deadlineExceeded, .unsupported, .invalidRequest,
            .internal,
        ]
        #expect(rejections.isDisjoint(with: codes.map { Failure($0) }))
        #expect(rejections.allSatisfy { $0.row.retry == .no })
        #expect(Failure.allCases.filter { $0.row.code == .unauthenticated }.allSatisfy { rejections.contains($0) })
    }

    /// Returns the rows between the two markers, without the table's header.
    private func lines() throws -> [Line] {
        let text = try GoldenVector.contract().split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(text.firstIndex(of: "<!-- failures: begin -->"))
        let end = try #require(text.firstIndex(of: "<!-- failures: end -->"))
        return text[(begin + 1)..<end].filter { $0.hasPrefix("|") }.dropFirst(2).map { row in
            let cells = row.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()).filter { $0 != "`" }
            }
            return Line(code: cells[1], reason: cells[2], retry: cells[3], cached: cells[4])
        }
    }
}

extension FailureContractTests.Line {
    fileprivate init(_ failure: Failure) {
        let row = failure.row
        let retry =
            switch row.retry {
            case .no: "no"
            case .yes: "yes"
            case .later: "later"
            case .elsewhere: "elsewhere"
            }
        self.init(code: row.code.description, reason: row.reason ?? "–", retry: retry, cached: row.isCached ? "yes" : "no")
    }
}
