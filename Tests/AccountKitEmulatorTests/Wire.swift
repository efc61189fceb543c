import AccountKitEmulator

/// The HTTP/1.1 response that a script sends.
struct Wire {
    let head: String
    let body: String

    init(_ script: ResponseScript) {
        var bytes: [UInt8] = []
        for step in script.steps {
            switch step {
            // Scripts of HTTP/1.1 have the head among their bytes.
            case .wait, .head: break
            case .send(let some): bytes += some
            case .fill(let count): bytes += repeatElement(UInt8(ascii: "a"), count: count)
            }
        }
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    init(_ text: String) {
        let characters = Array(text.utf8)
        let end = characters.indices.first { characters[$0...].starts(with: "\r\n\r\n".utf8) } ?? characters.count
        head = String(decoding: characters[..<end], as: UTF8.self)
        body = String(decoding: characters[min(end + 4, characters.count)...], as: UTF8.self)
    }

    func header(_ name: String) -> String? {
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ": ") }
        return line.map { String($0.dropFirst(name.count + 2)) }
    }

    /// The status of the status line; 0 without a status line.
    var status: Int { Int(head.dropFirst(9).prefix(3)) ?? 0 }
}
