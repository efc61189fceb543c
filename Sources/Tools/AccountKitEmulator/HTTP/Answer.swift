private import DoormanCrypto

/// A response, before it is known how its bytes will be delivered.
package struct Answer: Sendable, Hashable {
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

    /// The value of a header by its name in any case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

extension Answer {
    static let jsonType = Header("Content-Type", "application/json; charset=UTF-8")
    static let htmlType = Header("Content-Type", "text/html; charset=utf-8")

    /// What Account Kit says when it did what it was asked.
    static func success(_ body: JSON) -> Answer {
        let bytes = body.bytes
        let headers = [
            jsonType,
            Header("Cache-Control", "private, no-cache, no-store, must-revalidate"),
            Header("ETag", "\"\(HMACSHA256(key: []).authenticationCode(for: bytes.span).hexadecimal.prefix(40))\""),
        ]
        return Answer(status: 200, headers: headers + marks(traceID: RandomText.traceID()), body: bytes)
    }

    /// What Account Kit says when it did not.
    static func failure(_ error: GraphError) -> Answer {
        let traceID = RandomText.traceID()
        let headers = [
            jsonType, Header("Cache-Control", "no-store"), Header("WWW-Authenticate", error.challenge),
        ]
        return Answer(
            status: error.status, headers: headers + marks(traceID: traceID) + error.headers,
            body: error.body(traceID: traceID).bytes)
    }

    /// What the emulator's own control paths say.
    static func control(_ body: JSON, status: Int = 200) -> Answer {
        Answer(status: status, headers: [jsonType, Header("Cache-Control", "no-store")], body: body.bytes)
    }

    /// A page of the network in front of Account Kit.
    static func html(status: Int, _ text: String, headers: [Header] = []) -> Answer {
        let page =
            "<!DOCTYPE html>\n<html lang=\"en\" id=\"facebook\"><head><title>Facebook | Error</title></head>"
            + "<body><h1 id=\"sorry\">\(text)</h1></body></html>\n"
        return Answer(status: status, headers: [htmlType] + headers, body: Array(page.utf8))
    }

    private static func marks(traceID: String) -> [Header] {
        [Header("x-fb-trace-id", traceID), Header("x-fb-rev", "2391426"), Header("X-FB-Debug", RandomText.debugMark())]
    }
}
