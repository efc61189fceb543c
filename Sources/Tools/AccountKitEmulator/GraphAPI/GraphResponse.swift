private import DoormanCrypto

/// A response as the Graph API gives it. A ``ResponseScript`` says how its bytes are sent.
package struct GraphResponse: Sendable, Hashable {
    package var status: Int
    package var headers: [Header]
    package var body: [UInt8]

    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(status: Int, headers: [Header], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Returns the value of a header. Case of the name is ignored.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

extension GraphResponse {
    static let jsonType = Header("Content-Type", "application/json; charset=UTF-8")
    static let htmlType = Header("Content-Type", "text/html; charset=utf-8")

    /// Returns the response to a successful request.
    static func success(_ body: JSONText) -> GraphResponse {
        let bytes = body.line
        let headers = [
            jsonType,
            Header("Cache-Control", "private, no-cache, no-store, must-revalidate"),
            Header("ETag", "\"\(HMACSHA256(key: []).authenticationCode(for: bytes.span).hexadecimal.prefix(40))\""),
        ]
        return GraphResponse(status: 200, headers: headers + marks(traceID: RandomText.traceID()), body: bytes)
    }

    /// Returns the response to a failed request.
    static func failure(_ error: GraphError) -> GraphResponse {
        let traceID = RandomText.traceID()
        let headers = [
            jsonType, Header("Cache-Control", "no-store"), Header("WWW-Authenticate", error.challenge),
        ]
        return GraphResponse(
            status: error.status, headers: headers + marks(traceID: traceID) + error.headers,
            body: error.body(traceID: traceID).line)
    }

    /// Returns a response of the emulator's control paths.
    static func control(_ body: JSONText, status: Int = 200) -> GraphResponse {
        GraphResponse(status: status, headers: [jsonType, Header("Cache-Control", "no-store")], body: body.line)
    }

    /// Returns the response to a request of a control path that failed.
    static func control(_ error: EmulatorError) -> GraphResponse {
        let status =
            switch error.code {
            case .notFound: 404
            case .failed: 500
            default: 400
            }
        return .control(["error": .string(error.message)], status: status)
    }

    /// Returns a page of the network in front of Account Kit.
    static func html(status: Int, _ text: String, headers: [Header] = []) -> GraphResponse {
        let page =
            "<!DOCTYPE html>\n<html lang=\"en\" id=\"facebook\"><head><title>Facebook | Error</title></head>"
            + "<body><h1 id=\"sorry\">\(text)</h1></body></html>\n"
        return GraphResponse(status: status, headers: [htmlType] + headers, body: Array(page.utf8))
    }

    private static func marks(traceID: String) -> [Header] {
        [Header("x-fb-trace-id", traceID), Header("x-fb-rev", "2391426"), Header("X-FB-Debug", RandomText.debugMark())]
    }
}

/// The header `X-App-Usage`: how much of each allowance an application has used, in percent.
package struct AppUsageHeader: Sendable, Hashable {
    package var callCount: Int
    package var totalCPUTime: Int
    package var totalTime: Int

    package init(callCount: Int, totalCPUTime: Int = 0, totalTime: Int = 0) {
        self.callCount = callCount
        self.totalCPUTime = totalCPUTime
        self.totalTime = totalTime
    }

    /// Usage of an application without any calls left.
    package static let exhausted = AppUsageHeader(callCount: 100, totalCPUTime: 25, totalTime: 25)

    var header: GraphResponse.Header {
        GraphResponse.Header(
            "X-App-Usage", #"{"call_count":\#(callCount),"total_cputime":\#(totalCPUTime),"total_time":\#(totalTime)}"#)
    }
}
