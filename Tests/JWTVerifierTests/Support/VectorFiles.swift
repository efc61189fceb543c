import Foundation
import StrictJSON
import Testing

/// The files of test vectors: our own, and those of Wycheproof beside the package.
enum VectorFiles {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    private static let package = folder.deletingLastPathComponent().deletingLastPathComponent()
    /// The folder beside the package, which not every clone has.
    private static let wycheproof = package.deletingLastPathComponent().appendingPathComponent("shared/vectors/wycheproof")

    static let hasWycheproof = FileManager.default.fileExists(atPath: wycheproof.path)

    /// Returns a file of this target's `Vectors`.
    static func own(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: folder.appendingPathComponent("Vectors/\(name)")))
    }

    /// Returns a file of Wycheproof.
    static func wycheproof(_ name: String) throws -> [String: JSONValue] {
        let data = try Data(contentsOf: wycheproof.appendingPathComponent(name))
        return try #require(JSONValue(bytes: Array(data))?.object)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where the files of Wycheproof are not beside the package.
    static var needsWycheproof: Self {
        .enabled(if: VectorFiles.hasWycheproof, "the files of Wycheproof are not in ../shared/vectors/wycheproof")
    }
}

func bytes(hexadecimal text: String) -> [UInt8] {
    let digits = Array(text.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
        UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
    }
}
