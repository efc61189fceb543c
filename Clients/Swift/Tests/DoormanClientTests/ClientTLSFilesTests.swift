import Foundation
import NIOSSL
import TestKit
import Testing

@testable import DoormanClient

@Suite("the TLS files of a client")
struct ClientTLSFilesTests {
    @Test("files that can be used again are used, though none of their attributes has changed")
    func repairedFile() async throws {
        let certificate = try await TestCertificate()
        let file = URL(fileURLWithPath: certificate.certificateFile)
        let contents = try Data(contentsOf: file)
        func write(_ contents: Data) throws {
            let handle = try FileHandle(forWritingTo: file)
            try handle.write(contentsOf: contents)
            try handle.close()
            let date = Date(timeIntervalSince1970: 1_500_000_000)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file.path)
        }
        try write(Data(repeating: UInt8(ascii: "x"), count: contents.count))
        let tls = ClientTLS(DoormanTLS(trust: .file(path: file.path)))
        #expect(throws: ConnectFailure.self) { try tls.current() }
        try write(contents)
        #expect(try tls.current().reloadError == nil)
    }

    @Test("a context stays in use while its changed files can't be used, and the reason is told once")
    func damagedFile() async throws {
        let certificate = try await TestCertificate()
        let tls = ClientTLS(DoormanTLS(trust: .file(path: certificate.certificateFile)))
        #expect(try tls.current().reloadError == nil)
        try Data("x".utf8).write(to: URL(fileURLWithPath: certificate.certificateFile))
        #expect(try tls.current().reloadError != nil)
        #expect(try tls.current().reloadError == nil)
    }

    @Test("the error of a file that can't be read has the system's reason")
    func missingFile() {
        let tls = ClientTLS(DoormanTLS(trust: .file(path: "/nonexistent/ca.pem")))
        let failure = #expect(throws: ConnectFailure.self) { try tls.current() }
        #expect(failure?.description.contains("/nonexistent/ca.pem: no such file or directory") == true)
    }

    @Test("the end of an established connection is no failure of TLS")
    func uncleanShutdown() {
        #expect(ConnectFailure(NIOSSLError.uncleanShutdown) == .closedByPeer)
    }

    @Test(
        "a port that no server can have is an error, and no crash", arguments: ["127.0.0.1", "localhost"], [0, -1, 65_536, 70_000])
    func port(host: String, port: Int) async {
        let client = DoormanClient(target: .hostAndPort(host, port))
        let error = await #expect(throws: DoormanError.self) { try await client.health(timeout: .milliseconds(200)) }
        #expect(error?.message.contains("the port is not from 1 to 65535") == true)
        await client.close()
    }

    @Test("no connection is opened after its time has passed, though reading the files took longer")
    func lateFiles() async throws {
        let certificate = try await TestCertificate()
        let fifo = certificate.certificateFile + "-fifo"
        defer { removeFile(fifo) }
        #expect(try await ChildProcess("mkfifo", [fifo]).ending() == 0)
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration()
        configuration.connectTimeout = .milliseconds(20)
        let client = DoormanClient(
            target: peer.target, tls: DoormanTLS(trust: .file(path: fifo)), configuration: configuration)
        await #expect(throws: DoormanError.self) { try await client.health(timeout: .milliseconds(200)) }
        let tls = try await client.eventLoop.submit { [dispatcher = client.dispatcher] in dispatcher.value.connector.tls }.get()
        await client.close()
        // Ends each reading of the files.
        let writer = try ChildProcess("sh", ["-c", #"while :; do cat "$0" > "$1"; done"#, certificate.certificateFile, fifo])
        let context = try await Task.detached { try tls?.current().context }.value
        #expect(context != nil)
        for _ in 0..<3 { try await client.eventLoop.submit {}.get() }
        #expect(try peer.acceptIfThere() == nil)
        writer.killAtOnce()
        _ = try await writer.ending()
        peer.close()
    }
}
