import Foundation
import Testing

@testable import DoormanDaemon

@Suite("Looking whether files have changed")
struct FileWatchTests {
    /// Fingerprints by a letter each: a file that holds that many bytes.
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
        "files are taken when they are other than before, and the same for two looks",
        arguments: [
            ("aaaa", []), ("abbb", [2]), ("abcdd", [4]), ("abab", []), ("abba", [2]), ("abbaa", [2, 4]), ("bbaa", [1, 3]),
        ])
    func settling(looks: String, taken: [Int]) throws {
        try withFingerprints { fingerprint in
            var watch = FileWatch(try fingerprint("a"))
            var found: [Int] = []
            for (number, letter) in looks.enumerated() {
                let now = try fingerprint(letter)
                guard watch.look(now) else { continue }
                found.append(number)
                watch.take(now)
            }
            #expect(found == taken)
        }
    }

    @Test("what no reload could be made of is looked at again")
    func notTaken() throws {
        try withFingerprints { fingerprint in
            var watch = FileWatch(try fingerprint("a"))
            _ = watch.look(try fingerprint("b"))
            #expect(watch.look(try fingerprint("b")))
            watch.take(nil)
            #expect(watch.look(try fingerprint("b")))
        }
    }

    @Test("a file that is written, replaced, removed or made is seen, and one that is only read is not")
    func changes() throws {
        try withFolder { folder in
            let file = folder.appendingPathComponent("file")
            var last = FileFingerprint(of: [file.path])
            func isSeen() -> Bool {
                let now = FileFingerprint(of: [file.path])
                defer { last = now }
                return now != last
            }
            try Data("one".utf8).write(to: file)
            #expect(isSeen())
            _ = try Data(contentsOf: file)
            #expect(!isSeen())
            try Data("three".utf8).write(to: file)
            #expect(isSeen())
            // As long as before, and of the same time: by its place on the disk.
            let time = try #require(try FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate])
            try Data("seven".utf8).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file.path)
            #expect(isSeen())
            try FileManager.default.removeItem(at: file)
            #expect(isSeen())
            #expect(!isSeen())
        }
    }

    @Test("a folder that a link is turned to, as Kubernetes does, is a change, and both ways")
    func turnedLink() throws {
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

    @Test("a fingerprint of some files is the same as theirs among more")
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
