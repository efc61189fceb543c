import Foundation

/// This target's own files of test vectors.
enum VectorFiles {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// Returns a file of this target's `Vectors`.
    static func own(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: folder.appendingPathComponent("Vectors/\(name)")))
    }
}
