/// A response that came over a socket.
package struct SocketResponse: Sendable, Equatable {
    package var status = 0
    /// The names are in lower case.
    package var headers: [String: String] = [:]
    package var body = ""
}

extension RawPeer {
    package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Sends a request of HTTP/1.1 without a body, and reads its response.
    ///
    /// - Parameter headers: Further headers, as lines.
    package func request(
        _ target: String, method: String = "GET", host: String = "127.0.0.1", headers: [String] = []
    ) async throws -> SocketResponse {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + headers
        try await send(lines.map { $0 + "\r\n" }.joined() + "\r\n")
        return try await readResponse(hasBody: method != "HEAD")
    }

    /// Reads one response.
    ///
    /// - Parameter hasBody: `false` for the response to HEAD.
    package func readResponse(hasBody: Bool = true) async throws -> SocketResponse {
        var head: [UInt8] = []
        while !head.ends(with: "\r\n\r\n") { head += try await read(exactly: 1) }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var response = SocketResponse()
        guard let line = lines.first, line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9).prefix(3)) else {
            throw NeverHappened(description: "a malformed response")
        }
        response.status = status
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let before = response.headers.updateValue(String(parts[1].drop { $0 == " " }), forKey: parts[0].lowercased())
            if before != nil { throw NeverHappened(description: "a header twice: \(parts[0])") }
        }
        let length = Int(response.headers["content-length"] ?? "") ?? 0
        if hasBody { response.body = String(decoding: try await read(exactly: length), as: UTF8.self) }
        return response
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
