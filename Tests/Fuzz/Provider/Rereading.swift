internal import ProviderHTTP

/// A second, simple decoding of a JSON body, independent of the verifier's. It makes one pass and records the values by path. It
/// expects valid JSON, because the rules apply only to bodies that the verifier accepted.
struct Rereading {
    let status: Int
    /// The strings by path; `*` is a member of an array.
    private var strings: [[String]: [String]] = [:]
    private var literals: [[String]: [String]] = [:]
    private var paths: Set<[String]> = []

    init(_ response: HTTPResponse?) {
        status = response?.status ?? 0
        var path: [String] = []
        var inObjects: [Bool] = []
        var isName = false
        var rest = (response?.body ?? [])[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                isName = byte == UInt8(ascii: "{")
                path.append("*")
                inObjects.append(isName)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                _ = path.popLast()
                _ = inObjects.popLast()
                isName = false
            case UInt8(ascii: ","):
                isName = inObjects.last == true
            case UInt8(ascii: ":"):
                isName = false
            case UInt8(ascii: "\""):
                let text = Self.text(&rest)
                if isName {
                    path[path.count - 1] = text
                    paths.insert(path)
                } else {
                    strings[path, default: []].append(text)
                }
            case 0x20, 0x09, 0x0a, 0x0d:
                break
            default:
                let more = rest.prefix { $0 > 0x20 && !",]}".utf8.contains($0) }
                rest = rest.dropFirst(more.count)
                literals[path, default: []].append(String(decoding: [byte] + more, as: UTF8.self))
            }
        }
    }

    func has(_ path: String...) -> Bool { paths.contains(path) }

    /// Returns the strings at a path.
    func strings(_ path: String...) -> [String] { strings[path] ?? [] }

    /// Returns the numbers, Booleans and nulls at a path, as written.
    func literals(_ path: String...) -> [String] { literals[path] ?? [] }

    /// Decodes a string up to its closing quote, as UTF-16 because of the escapes.
    private static func text(_ rest: inout ArraySlice<UInt8>) -> String {
        var units: [UInt16] = []
        var plain: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            guard byte == UInt8(ascii: "\\") else {
                plain.append(byte)
                continue
            }
            units += String(decoding: plain, as: UTF8.self).utf16
            plain = []
            switch rest.popFirst() {
            case UInt8(ascii: "u"):
                units.append(UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(4)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0c)
            case UInt8(ascii: "n"): units.append(0x0a)
            case UInt8(ascii: "r"): units.append(0x0d)
            case UInt8(ascii: "t"): units.append(0x09)
            case let other: units.append(UInt16(other ?? 0))
            }
        }
        return String(decoding: units + String(decoding: plain, as: UTF8.self).utf16, as: UTF16.self)
    }
}
