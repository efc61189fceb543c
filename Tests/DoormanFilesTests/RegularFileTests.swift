import DoormanFiles
import Foundation
import Glibc
import TestKit
import Testing

@Suite("Reading of regular files")
struct RegularFileTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "doorman-file-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(
        "the contents are read up to the limit and one byte more", arguments: [(0, 0), (10, 10), (11, 11), (12, 11), (100_000, 11)])
    func limit(size: Int, read: Int) throws {
        try withPath { path in
            try Data(repeating: 0x61, count: size).write(to: URL(fileURLWithPath: path))
            #expect(try RegularFile.read(path, limit: 10) == [UInt8](repeating: 0x61, count: read))
            #expect(try RegularFile.read(path, limit: 1 << 20).count == size)
        }
    }

    /// systemd passes credentials with such lists. `stat` shows the mode 0440 then.
    @Test(
        "of a file with an access control list, only the permissions of other users count",
        arguments: [("user:self", nil), ("user:other", 0o440), ("group:any", 0o440)] as [(String, UInt32?)])
    func accessControlList(entry: String, expected: UInt32?) async throws {
        let path = NSTemporaryDirectory() + "doorman-file-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(FileManager.default.createFile(atPath: path, contents: Data(), attributes: [.posixPermissions: 0o400]))
        // The entries of acl(5): owner, a user, owning group, a group, mask, others.
        let script = """
            import os, struct, sys
            path, entry = sys.argv[1:]
            named = {"user:self": [(2, 4, os.geteuid())], "user:other": [(2, 4, 12345)], "group:any": [(8, 4, 12345)]}[entry]
            none = 0xFFFFFFFF
            users = [one for one in named if one[0] == 2]
            groups = [one for one in named if one[0] == 8]
            entries = [(1, 4, none)] + users + [(4, 0, none)] + groups + [(16, 4, none), (32, 0, none)]
            os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries))
            """
        let python = try ChildProcess("python3", ["-c", script, path, entry], environment: ["PATH": "/usr/bin:/bin"])
        #expect(try await python.ending() == 0, "\(python.allOutput)")
        var status = stat()
        #expect(unsafe stat(path, &status) == 0 && status.st_mode & 0o777 == 0o440)
        #expect(RegularFile.permissionsOfOthers(path) == expected)
    }

    @Test("a pipe without a writer is an error at once")
    func pipe() throws {
        try withPath { path in
            #expect(unsafe mkfifo(path, 0o600) == 0)
            let error = #expect(throws: FileAccessError.self) { try RegularFile.read(path, limit: 10) }
            #expect(error?.cause == "it is not a regular file")
        }
    }

    @Test("a device or a directory is an error", arguments: ["/dev/zero", "/dev/null", "/dev", "/proc/self/fd"])
    func otherKinds(path: String) {
        let error = #expect(throws: FileAccessError.self) { try RegularFile.read(path, limit: 10) }
        #expect(error?.cause == "it is not a regular file")
    }

    @Test("a file whose size the kernel does not report is read up to the limit")
    func kernelFile() throws {
        #expect(try RegularFile.read("/proc/self/status", limit: 100).count == 101)
        #expect(try !RegularFile.read("/proc/self/comm", limit: 100).isEmpty)
    }

    @Test("a file that grows during the read ends at the limit")
    func growing() throws {
        try withPath { path in
            let file = unsafe open(path, O_WRONLY | O_CREAT, 0o600)
            defer { close(file) }
            let writer = Thread {
                let part = [UInt8](repeating: 0x61, count: 1000)
                for _ in 0..<200 { _ = unsafe write(file, part, part.count) }
            }
            writer.start()
            for _ in 0..<100 {
                let count = try RegularFile.read(path, limit: 5000).count
                #expect(count <= 5001)
            }
            while !writer.isFinished { usleep(1000) }
            let count = try RegularFile.read(path, limit: 5000).count
            #expect(count == 5001)
        }
    }

    @Test(
        "the error names the cause", arguments: [("/nonexistent", "no such file or directory"), ("/dev/null/x", "not a directory")])
    func cause(path: String, expected: String) {
        let error = #expect(throws: FileAccessError.self) { try RegularFile.read(path, limit: 10) }
        #expect(error?.cause == expected)
    }

    @Test(
        "permissions of other users are found",
        arguments: [(0o600, nil), (0o400, nil), (0o640, 0o640), (0o604, 0o604), (0o620, 0o620)])
    func permissions(mode: Int, expected: Int?) throws {
        try withPath { path in
            try Data().write(to: URL(fileURLWithPath: path))
            #expect(unsafe chmod(path, mode_t(mode)) == 0)
            #expect(RegularFile.permissionsOfOthers(path) == expected.map { UInt32($0) })
        }
    }
}
