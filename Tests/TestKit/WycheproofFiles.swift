internal import Foundation
package import StrictJSON

/// The files of test vectors of C2SP/wycheproof, in a folder beside the package that not every clone has.
package enum WycheproofFiles {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "../../../shared/vectors/wycheproof"
    ).standardized

    package static let arePresent = FileManager.default.fileExists(atPath: folder.path)

    /// Returns the tests of a file, each with its group.
    package static func tests(_ name: String) throws -> [(group: [String: JSONValue], test: [String: JSONValue])] {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        guard let groups = JSONValue(bytes: Array(data))?.object?["testGroups"]?.array else {
            throw NeverHappened(description: "\(name) has groups of tests")
        }
        return groups.compactMap(\.object).flatMap { group in
            (group["tests"]?.array ?? []).compactMap(\.object).map { (group, $0) }
        }
    }
}

/// Returns the bytes of hexadecimal digits.
package func bytes(hexadecimal text: String) -> [UInt8] {
    let digits = Array(text.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
        UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
    }
}
