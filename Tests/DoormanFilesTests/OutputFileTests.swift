import DoormanFiles
import Foundation
import Glibc
import Testing

@Suite("Files that programs write")
struct OutputFileTests {
    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("doorman-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    /// Foundation leaks its buffer when it reads an empty file as text.
    private func contents(of path: String) throws -> String {
        String(decoding: try RegularFile.read(path, limit: 1 << 20), as: UTF8.self)
    }

    private func names(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test("a new file has its text and permissions, and no draft stays")
    func new() throws {
        try withFolder { folder in
            let path = folder.appendingPathComponent("port").path
            let file = OutputFile(path, holding: .port, mode: 0o600)
            try file.check()
            _ = try file.write("7117\n")
            #expect(try contents(of: path) == "7117\n")
            #expect(RegularFile.permissionsOfOthers(path) == nil)
            #expect(try names(in: folder) == ["port"])
        }
    }

    @Test("a file with a port is replaced", arguments: ["1", "7117\n", "65535"])
    func replaced(text: String) throws {
        try withFolder { folder in
            let path = folder.appendingPathComponent("port").path
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            _ = try OutputFile(path, holding: .port).write("443\n")
            #expect(try contents(of: path) == "443\n")
        }
    }

    @Test(
        "a file with any other text stays as it is",
        arguments: [
            "", "\n", "0\n", "007\n", "65536\n", "7117\n\n", " 7117", "7117 ", "-1", "7117\nkey", "-----BEGIN PRIVATE KEY-----\n",
            "a secret\n",
        ])
    func kept(text: String) throws {
        try withFolder { folder in
            let path = folder.appendingPathComponent("port").path
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            let file = OutputFile(path, holding: .port)
            let error = #expect(throws: FileAccessError.self) { try file.check() }
            #expect(error?.cause == "the file holds something else than a port number: name another file, or remove it")
            #expect(throws: FileAccessError.self) { try file.write("443\n") }
            #expect(try contents(of: path) == text)
            #expect(try names(in: folder) == ["port"])
        }
    }

    @Test("a directory, a link or a pipe stays as it is")
    func otherKinds() throws {
        try withFolder { folder in
            let path = { folder.appendingPathComponent($0).path }
            try FileManager.default.createDirectory(atPath: path("tree"), withIntermediateDirectories: true)
            try "precious".write(toFile: path("tree/file"), atomically: false, encoding: .utf8)
            try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("tree/file"))
            #expect(unsafe mkfifo(path("pipe"), 0o600) == 0)
            for name in ["tree", "link", "pipe"] {
                let file = OutputFile(path(name), holding: .port)
                #expect(throws: FileAccessError.self) { try file.check() }
                let error = #expect(throws: FileAccessError.self) { try file.write("443\n") }
                #expect(error?.cause.hasSuffix("it is not a regular file") == true)
            }
            #expect(try names(in: folder) == ["link", "pipe", "tree"])
            #expect(try contents(of: path("tree/file")) == "precious")
        }
    }

    @Test(
        "a missing folder is an error",
        arguments: [("/nonexistent/port", "no such file or directory"), ("/dev/null/port", "permission denied")])
    func folder(path: String, cause: String) {
        let error = #expect(throws: FileAccessError.self) { try OutputFile(path, holding: .port).check() }
        #expect(error?.cause == "cannot write into the file's folder: \(cause)")
    }

    @Test("a program removes its own file, but not that of a successor")
    func removal() throws {
        try withFolder { folder in
            let path = folder.appendingPathComponent("port").path
            let file = OutputFile(path, holding: .port)
            let first = try file.write("1\n")
            let second = try file.write("1\n")
            first.removeIfOwned()
            #expect(try names(in: folder) == ["port"])
            second.removeIfOwned()
            #expect(try names(in: folder) == [])
            second.removeIfOwned()
        }
    }
}
