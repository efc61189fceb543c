internal import ProviderHTTP

/// A JSON body read once more, by other means than the verifier's: one pass that judges nothing and only notes what stands where.
/// Only asked about bodies that the verifier believed, so it need not tell good JSON from bad.
struct Rereading {
    let status: Int
    /// By path; `*` is a member of an array.
    private var texts: [[String]: [String]] = [:]
    private var words: [[String]: [String]] = [:]
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
                    texts[path, default: []].append(text)
                }
            case 0x20, 0x09, 0x0a, 0x0d:
                break
            default:
                let more = rest.prefix { $0 > 0x20 && !",]}".utf8.contains($0) }
                rest = rest.dropFirst(more.count)
                words[path, default: []].append(String(decoding: [byte] + more, as: UTF8.self))
            }
        }
    }

    func has(_ path: String...) -> Bool { paths.contains(path) }

    /// The texts that stand at a path.
    func strings(_ path: String...) -> [String] { texts[path] ?? [] }

    /// The numbers, truths and nulls that stand at a path, as they are written.
    func literals(_ path: String...) -> [String] { words[path] ?? [] }

    /// The text up to its closing quote. By way of UTF-16, which is what the escapes are in.
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
