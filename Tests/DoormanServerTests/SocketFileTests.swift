import Glibc
import TestKit
import Testing

@testable import DoormanServer

@Suite("Files of Unix sockets")
struct SocketFileTests {
    private static var path: String { "/tmp/doorman-socket-test-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    private func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    @Test("a socket that is bound and does not listen yet is kept while its server holds the lock")
    func betweenBindAndListen() async throws {
        let path = Self.path
        let lock = try SocketLock(forSocketAt: path)
        let (file, descriptor) = try SocketFile.bind(path, mode: 0o600)
        let error = await #expect(throws: CannotListen.self) {
            try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in }
        }
        #expect(error?.cause is SocketLock.Failure)
        #expect(error?.setting == "server.unix-socket")
        #expect(isThere(path))
        lock.release()
        close(descriptor)
        file.removeIfOwned()
        #expect(!isThere(path))
        #expect(!isThere(path + ".lock"))
    }

    @Test("one of many servers that start together gets the path, and its socket stays")
    func startingTogether() async throws {
        let path = Self.path
        for _ in 0..<20 {
            let bound = await withTaskGroup(of: (SocketFile, Int32)?.self) { tasks in
                for _ in 0..<8 {
                    tasks.addTask {
                        guard let lock = try? SocketLock(forSocketAt: path) else { return nil }
                        defer { lock.release() }
                        guard let (file, descriptor) = try? SocketFile.bind(path, mode: 0o600) else { return nil }
                        #expect(listen(descriptor, 8) == 0)
                        return (file, descriptor)
                    }
                }
                var bound: [(SocketFile, Int32)] = []
                for await one in tasks { if let one { bound.append(one) } }
                return bound
            }
            #expect(bound.count == 1)
            #expect(isThere(path))
            for (file, descriptor) in bound {
                close(descriptor)
                file.removeIfOwned()
            }
            #expect(!isThere(path + ".lock"))
        }
    }

    @Test("a socket of another type is in use, even though it refuses connections")
    func datagramSocket() throws {
        let path = Self.path
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
        let error = #expect(throws: SocketFile.Failure.self) { try SocketFile.bind(path, mode: 0o600) }
        #expect(
            error?.description
                == "another process already listens on this path; stop it, or choose another server.unix-socket")
        #expect(isThere(path))
    }

    @Test("the error of a path that can't be bound ends with the next step")
    func nextStep() {
        let long = "/tmp/" + String(repeating: "x", count: 103)
        #expect(
            SocketFile.problem(with: long)
                == "the path exceeds the 107 bytes that unix(7) allows; choose a shorter server.unix-socket")
        #expect(SocketFile.problem(with: String(long.dropLast())) == nil)
        #expect(
            SocketFile.problem(with: "/dev/null")
                == "the path must be free or a socket, and another file is there; remove the file, or choose another "
                + "server.unix-socket")
        let missing = #expect(throws: SocketFile.Failure.self) { try SocketFile.bind("/nowhere/x.sock", mode: 0o600) }
        #expect(
            missing?.description
                == "bind failed: No such file or directory; create the folder /nowhere, or choose another server.unix-socket")
    }

    @Test("another file in place of the lock file stays, and the server does not start")
    func foreignLockFile() async throws {
        let path = Self.path
        let file = unsafe fopen(path + ".lock", "w")
        unsafe fputs("precious", file)
        unsafe fclose(file)
        await #expect(throws: CannotListen.self) { try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in } }
        #expect(isThere(path + ".lock"))
        #expect(!isThere(path))
        unsafe unlink(path + ".lock")
    }
}
