private import Glibc

/// A case of `Protos/vectors`: bytes on the wire and their meaning. The bytes don't come from our encoders, so they test both ends
/// independently. `docs/reference/wire-protocol.md` describes the files.
package struct GoldenVector: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// A request frame that a server accepts.
        case request
        /// A response frame that a client accepts.
        case response
        /// Bytes that a server must not accept as a call: see ``GoldenVector/expectation``.
        case malformed
    }

    /// A server's reaction to malformed bytes.
    package enum Expectation: Sendable, Hashable {
        /// Responds on the frame's stream id with this status code and `ErrorInfo.reason`.
        case answer(code: String, reason: String?)
        /// Skips the frame.
        case skip
        /// Closes the connection without a response.
        case close
    }

    package struct Field: Sendable, Hashable {
        package let key: String
        package let value: String
    }

    /// The file's name without its extension, such as `request-verify-minimal`.
    package let name: String
    package let title: String
    package let kind: Kind
    /// The meaning of the bytes, in the order of the file.
    package let fields: [Field]
    package let bytes: [UInt8]

    package var description: String { name }

    /// The value of the first field with this key.
    package subscript(_ key: String) -> String? {
        fields.first { $0.key == key }?.value
    }

    /// Whether an encoder makes exactly these bytes from the fields. Other vectors contain what only other versions send.
    package var roundTrips: Bool { kind != .malformed && self["round_trip"] != "no" }

    /// The bytes after the header of ten bytes.
    package var data: [UInt8] { Array(bytes.dropFirst(10)) }

    /// The server's reaction; `nil` for vectors that are not malformed.
    package var expectation: Expectation? {
        guard let words = self["expect"]?.split(separator: " ").map(String.init) else { return nil }
        switch words.first {
        case "answer" where words.count > 1: return .answer(code: words[1], reason: words.count > 2 ? words[2] : nil)
        case "skip": return .skip
        case "close": return .close
        default: return nil
        }
    }
}

extension GoldenVector {
    /// The error for a vector that can't be parsed.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    /// Returns all vectors, or the vectors of a kind, sorted by name.
    package static func all(_ kind: Kind? = nil) throws -> [GoldenVector] {
        let vectors = try loaded.get()
        guard let kind else { return vectors }
        return vectors.filter { $0.kind == kind }
    }

    package static func named(_ name: String) throws -> GoldenVector {
        guard let vector = try all().first(where: { $0.name == name }) else {
            throw Unreadable(description: "\(folder) has no vector \(name)")
        }
        return vector
    }

    /// Returns `docs/reference/wire-protocol.md`, the contract in prose.
    package static func contract() throws -> String {
        String(decoding: try contents(of: "\(protos)/../docs/reference/wire-protocol.md"), as: UTF8.self)
    }

    /// Returns the bytes of a message in `Protos/vectors/envoy`.
    package static func envoy(_ name: String) throws -> [UInt8] {
        let text = String(decoding: try contents(of: "\(folder)/envoy/\(name).hex"), as: UTF8.self)
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.flatMap { try bytes($0) }
    }

    private static let loaded = Result { try load() }

    /// The path of `Protos`, relative to this file.
    private static let protos = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/Protos"
    private static let folder = "\(protos)/vectors"

    private static func load() throws -> [GoldenVector] {
        let names = try fileNames(in: folder).filter { $0.hasSuffix(".hex") }.sorted()
        guard !names.isEmpty else { throw Unreadable(description: "\(folder) has no vectors") }
        return try names.map { name in
            let text = String(decoding: try contents(of: "\(folder)/\(name)"), as: UTF8.self)
            return try GoldenVector(name: String(name.dropLast(4)), text: text)
        }
    }

    private init(name: String, text: String) throws {
        var title = ""
        var fields: [Field] = []
        var bytes: [UInt8] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                let comment = line.dropFirst(2)
                if title.isEmpty { title = String(comment) } else { fields.append(try Field(comment)) }
            } else {
                bytes += try Self.bytes(line)
            }
        }
        guard let kind = fields.first(where: { $0.key == "kind" }).flatMap({ Kind(rawValue: $0.value) }) else {
            throw Unreadable(description: "\(name) has no kind")
        }
        self.init(name: name, title: title, kind: kind, fields: fields, bytes: bytes)
    }

    /// Parses a line such as `0a 0f 64` or `repeat 65503 78`.
    private static func bytes(_ line: Substring) throws -> [UInt8] {
        let words = line.split(separator: " ")
        if words.count == 3, words[0] == "repeat", let count = Int(words[1]), let byte = UInt8(words[2], radix: 16) {
            return Array(repeating: byte, count: count)
        }
        return try words.map { word in
            guard word.count == 2, let byte = UInt8(word, radix: 16) else {
                throw Unreadable(description: "not two hex digits: \(word)")
            }
            return byte
        }
    }
}

extension GoldenVector.Field {
    /// Parses `key: value`. A value can be `repeat 65503 x`.
    fileprivate init(_ comment: Substring) throws {
        guard let colon = comment.firstIndex(of: ":") else {
            throw GoldenVector.Unreadable(description: "not a field: \(comment)")
        }
        let value = comment[colon...].dropFirst().drop { $0 == " " }
        let words = value.split(separator: " ")
        self.key = String(comment[..<colon])
        if words.count == 3, words[0] == "repeat", let count = Int(words[1]) {
            self.value = String(repeating: String(words[2]), count: count)
        } else {
            self.value = String(value)
        }
    }
}

private func fileNames(in folder: String) throws -> [String] {
    guard let directory = unsafe opendir(folder) else {
        throw GoldenVector.Unreadable(description: "cannot open \(folder)")
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        names.append(name)
    }
    return names
}

private func contents(of path: String) throws -> [UInt8] {
    guard let file = unsafe fopen(path, "r") else {
        throw GoldenVector.Unreadable(description: "cannot open \(path)")
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = unsafe fread(&chunk, 1, chunk.count, file), count > 0 {
        bytes += chunk.prefix(count)
    }
    return bytes
}
