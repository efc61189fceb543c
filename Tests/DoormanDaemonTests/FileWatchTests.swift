import Foundation
import Testing

@testable import DoormanDaemon

@Suite("File watch")
struct FileWatchTests {
    /// Gives `body` a function that returns a fingerprint for a letter. Different letters have different fingerprints.
    private func withFingerprints(_ body: (_ of: (Character) throws -> FileFingerprint) throws -> Void) throws {
        try withFolder { folder in
            let path = folder.appendingPathComponent("watched").path
            var known: [Character: FileFingerprint] = [:]
            try body { letter in
                if let fingerprint = known[letter] { return fingerprint }
                try String(repeating: "x", count: known.count).write(toFile: path, atomically: false, encoding: .utf8)
                let fingerprint = FileFingerprint(of: [path])
                known[letter] = fingerprint
                return fingerprint
            }
        }
    }

    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doormand-watch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    @Test(
        "a reload is due when files have changed and are the same in two checks",
        arguments: [
            ("aaaa", []), ("abbb", [2]), ("abcdd", [4]), ("abab", []), ("abba", [2]), ("abbaa", [2, 4]), ("bbaa", [1, 3]),
        ])
    func stability(checks: String, due: [Int]) throws {
        try withFingerprints { fingerprint in
            var watch = FileWatch(try fingerprint("a"))
            var found: [Int] = []
            for (number, letter) in checks.enumerated() {
                let now = try fingerprint(letter)
                guard watch.check(now) else { continue }
                found.append(number)
                watch.didReload(now)
            }
            #expect(found == due)
        }
    }

    @Test("a reload stays due if the files kept changing during it")
    func unfinishedReload() throws {
        try withFingerprints { fingerprint in
            var watch = FileWatch(try fingerprint("a"))
            _ = watch.check(try fingerprint("b"))
            #expect(watch.check(try fingerprint("b")))
            watch.didReload(nil)
            #expect(watch.check(try fingerprint("b")))
        }
    }

    @Test("every change of a file changes its fingerprint")
    func changes() throws {
        try withFolder { folder in
            let file = folder.appendingPathComponent("file")
            var last = FileFingerprint(of: [file.path])
            func hasChanged() -> Bool {
                let now = FileFingerprint(of: [file.path])
                defer { last = now }
                return now != last
            }
            try Data("one".utf8).write(to: file)
            #expect(hasChanged())
            _ = try Data(contentsOf: file)
            #expect(!hasChanged())
            try Data("three".utf8).write(to: file)
            #expect(hasChanged())
            // The new file has the same length and time, but another inode.
            let time = try #require(try FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate])
            try Data("seven".utf8).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file.path)
            #expect(hasChanged())
            try FileManager.default.removeItem(at: file)
            #expect(hasChanged())
            #expect(!hasChanged())
        }
    }

    @Test("a new target of a link changes the fingerprint, as when Kubernetes updates a secret")
    func link() throws {
        try withFolder { folder in
            for name in ["1", "2"] {
                try FileManager.default.createDirectory(
                    at: folder.appendingPathComponent(name), withIntermediateDirectories: false)
                try Data("same".utf8).write(to: folder.appendingPathComponent("\(name)/secret"))
            }
            let (data, secret) = (folder.appendingPathComponent("data").path, folder.appendingPathComponent("secret").path)
            try FileManager.default.createSymbolicLink(atPath: data, withDestinationPath: "1")
            try FileManager.default.createSymbolicLink(atPath: secret, withDestinationPath: "data/secret")
            let first = FileFingerprint(of: [secret])
            try FileManager.default.removeItem(atPath: data)
            try FileManager.default.createSymbolicLink(atPath: data, withDestinationPath: "2")
            #expect(FileFingerprint(of: [secret]) != first)
            try FileManager.default.removeItem(atPath: data)
            try FileManager.default.createSymbolicLink(atPath: data, withDestinationPath: "1")
            #expect(FileFingerprint(of: [secret]) == first)
        }
    }

    @Test("a fingerprint that is limited to some files equals the fingerprint of these files")
    func limited() throws {
        try withFolder { folder in
            let (one, two) = (folder.appendingPathComponent("1").path, folder.appendingPathComponent("2").path)
            try Data().write(to: URL(fileURLWithPath: one))
            let both = FileFingerprint(of: [one, two])
            #expect(both.limited(to: [one]) == FileFingerprint(of: [one]))
            #expect(both != FileFingerprint(of: [one]))
        }
    }
}
