internal import FuzzKit

/// Checks that the server's output consists of whole responses, with the headers that each of them has.
struct Responses {
    private var rest: [UInt8] = []
    /// The number of final responses.
    private(set) var count = 0

    var isWhole: Bool { rest.isEmpty }

    mutating func append(_ bytes: [UInt8]) {
        rest += bytes
        while let end = headEnd {
            let lines = String(decoding: rest[..<end], as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
            guard lines[0] != "HTTP/1.1 100 Continue" else {
                rest.removeFirst(end + 4)
                continue
            }
            let length = check(lines.map(String.init))
            guard rest.count >= end + 4 + length else { return }
            rest.removeFirst(end + 4 + length)
            count += 1
        }
    }

    private var headEnd: Int? {
        guard rest.count >= 4 else { return nil }
        for index in 0...(rest.count - 4) where rest[index..<(index + 4)].elementsEqual([13, 10, 13, 10]) { return index }
        return nil
    }

    /// - Returns: The length of the body. That of a response to HEAD is not sent: no fuzzed response to HEAD has one.
    private func check(_ lines: [String]) -> Int {
        require(lines[0].wholeMatch(of: /HTTP\/1\.1 (200|40[0-9]|413|415|421|429|431|50[0-3]) [A-Za-z ]+/) != nil, "a status line")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else {
                require(false, "a header has a colon")
                return 0
            }
            let name = line[..<colon].lowercased()
            require(headers[name] == nil, "no header stands twice")
            require(line.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "a header is visible ASCII")
            headers[name] = line[line.index(after: colon)...].drop { $0 == " " }.description
        }
        require(headers["cache-control"] == "no-store", "no response is stored")
        guard let length = headers["content-length"].flatMap(Int.init) else {
            require(false, "each response has a length")
            return 0
        }
        return length
    }
}
