import DoormanSupport
import DoormanWire
import Foundation
import Testing

@Suite("Failures at HTTP endpoints and gateways")
struct EndpointFailureTests {
    /// A line of the table in `docs/reference/http-api.md`.
    struct Line: Hashable {
        var failure: String
        var api: String
        var introspection: String
        var forwardAuth: String
        var check: String
    }

    @Test("the table in docs/reference/http-api.md equals the table in code")
    func documented() throws {
        let documented = try lines()
        let coded = Failure.allCases.map(Line.init)
        for line in coded { #expect(documented.contains(line), "in code, but not in docs/reference/http-api.md") }
        for line in documented { #expect(coded.contains(line), "in docs/reference/http-api.md, but not in code") }
        #expect(documented.count == coded.count)
    }

    @Test("only a rejected token is inactive at introspection", arguments: Failure.allCases)
    func inactive(_ failure: Failure) {
        let isRejection = failure.row.code == .unauthenticated || failure == .malformedToken
        #expect((failure.httpStatus(for: .introspection) == .ok) == isRejection)
    }

    @Test(
        "no failure lets a request pass at a gateway, and none is a status that a gateway makes 500 of", arguments: Failure.allCases
    )
    func gateways(_ failure: Failure) {
        let statuses: [HTTPStatus] = [.unauthorized, .forbidden, .tooManyRequests, .serviceUnavailable]
        #expect(statuses.contains(failure.httpStatus(for: .forwardAuth)))
        #expect(failure.endpoints.checkStatus == failure.httpStatus(for: .forwardAuth))
        let codes: [HTTPStatus: StatusCode] = [
            .unauthorized: .unauthenticated, .forbidden: .permissionDenied, .tooManyRequests: .permissionDenied,
            .serviceUnavailable: .unavailable,
        ]
        #expect(failure.endpoints.checkCode == codes[failure.endpoints.checkStatus])
    }

    @Test("an error is never 401 at the API, and a rejection is never another status", arguments: Failure.allCases)
    func rejections(_ failure: Failure) {
        let isRejection = failure.row.code == .unauthenticated || failure == .malformedToken
        #expect((failure.httpStatus(for: .api) == .unauthorized) == isRejection)
    }

    @Test("a failure that may be repeated later has Retry-After", arguments: Failure.allCases)
    func retries(_ failure: Failure) {
        guard failure.row.retry != .no else { return }
        for endpoint in HTTPEndpoint.allCases { #expect(failure.httpStatus(for: endpoint).hasRetryAfter) }
    }

    @Test(
        "Retry-After is whole seconds, at least 1",
        arguments: [
            (nil, 1), (.zero, 1), (.milliseconds(1), 1), (.seconds(1), 1), (.milliseconds(1001), 2), (.seconds(3600), 3600),
            (.seconds(-5), 1), (.nanoseconds(2_000_000_001), 3), (.seconds(Int64.max), Int64.max),
        ] as [(Duration?, Int64)])
    func seconds(_ delay: Duration?, _ expected: Int64) {
        #expect(RetryHint.seconds(delay) == expected)
    }

    @Test(
        "the retry hint of gRPC is whole milliseconds",
        arguments: [
            (.zero, 0), (.nanoseconds(1), 1), (.milliseconds(1500), 1500), (.microseconds(1501), 2), (.seconds(-5), 0),
            (.milliseconds(-5), 0), (.seconds(Int64.max), Int64.max),
        ] as [(Duration, Int64)])
    func milliseconds(_ delay: Duration, _ expected: Int64) {
        #expect(RetryHint.milliseconds(delay) == expected)
    }

    /// Returns the rows between the two markers, without the table's header.
    private func lines() throws -> [Line] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let page = try String(contentsOf: root.appendingPathComponent("docs/reference/http-api.md"), encoding: .utf8)
        let text = page.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(text.firstIndex(of: "<!-- failures: begin -->"))
        let end = try #require(text.firstIndex(of: "<!-- failures: end -->"))
        return text[(begin + 1)..<end].filter { $0.hasPrefix("|") }.dropFirst(2).map { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces).filter { $0 != "`" } }
            return Line(failure: cells[0], api: cells[1], introspection: cells[2], forwardAuth: cells[3], check: cells[4])
        }
    }
}

extension EndpointFailureTests.Line {
    fileprivate init(_ failure: Failure) {
        let row = failure.endpoints
        self.init(
            failure: failure.row.reason ?? failure.row.code.description, api: "\(row.api.rawValue)",
            introspection: row.introspection == .ok ? "200, inactive" : "\(row.introspection.rawValue)",
            forwardAuth: "\(row.forwardAuth.rawValue)", check: "\(row.checkCode.rawValue), denied \(row.checkStatus.rawValue)")
    }
}
