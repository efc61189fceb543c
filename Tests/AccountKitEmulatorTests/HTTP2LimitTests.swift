import AccountKitEmulator
import Foundation
import TestKit
import Testing

/// Each limit of an HTTP/2 connection, exceeded by a peer over TLS.
@Suite("The emulator's limits of HTTP/2", .timeLimit(.minutes(2)))
struct HTTP2LimitTests {
    private typealias Frame = HTTP2Peer.Frame

    private func withEmulator(
        _ change: (inout EmulatorSettings.HTTP2Limits) -> Void = { _ in },
        _ body: (AccountKitEmulator, TestCertificate) async throws -> Void
    ) async throws {
        let certificate = try await TestCertificate(names: "DNS:localhost,IP:127.0.0.1")
        let files = EmulatorSettings.TLSFiles(certificate: certificate.certificateFile, privateKey: certificate.keyFile)
        var limits = EmulatorSettings.Limits()
        change(&limits.http2)
        let emulator = try AccountKitEmulator(
            settings: EmulatorSettings(port: 0, tls: files, apps: [Apps.second], limits: limits))
        try await emulator.start()
        do {
            try await body(emulator, certificate)
        } catch {
            try await emulator.stop()
            throw error
        }
        try await emulator.stop()
    }

    /// The frames of many streams: each is opened and reset.
    private func opened(_ count: Int) -> [Frame] {
        (0..<count).flatMap { HTTP2Peer.request(2 * $0 + 1) + [HTTP2Peer.reset(2 * $0 + 1)] }
    }

    @Test("the first settings announce the limits")
    func announced() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            let settings = try #require(try await peer.first(.settings))
            for (parameter, value) in [3: 1024, 5: 16_384, 6: 32_768] {
                let entry = HTTP2Peer.bytes(parameter, 2) + HTTP2Peer.bytes(value, 4)
                #expect(stride(from: 0, to: settings.payload.count, by: 6).contains { settings.payload[$0...].starts(with: entry) })
            }
            await peer.close()
        }
    }

    @Test("a header list of less than 32 KiB gets a response")
    func longHeaders() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(HTTP2Peer.request(1, fields: ["x-long": String(repeating: "a", count: 32_000)]))
            // The byte for :status 200.
            #expect(try await peer.first(.headers)?.payload.first == 0x88)
            await peer.close()
        }
    }

    @Test("a header list above 32 KiB ends the connection")
    func tooLongHeaders() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(HTTP2Peer.request(1, fields: ["x-long": String(repeating: "a", count: 33_000)]))
            #expect(try await peer.ending() != nil)
            #expect(emulator.statistics.total == 0)
        }
    }

    @Test("a header list in too many frames ends the connection")
    func continuations() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(HTTP2Peer.request(1, fields: ["x-long": String(repeating: "a", count: 1000)], piece: 100))
            #expect(try await peer.ending() == HTTP2Peer.ErrorCode.enhanceYourCalm)
        }
    }

    @Test("a frame above 16 KiB ends the connection")
    func longFrame() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send([Frame(kind: .data, stream: 1, payload: Array(repeating: 0, count: 16_385))])
            #expect(try await peer.ending() != nil)
        }
    }

    @Test("a stream above the limit ends the connection")
    func streams() async throws {
        try await withEmulator {
            $0.streams = 4
        } _: { emulator, certificate in
            emulator.setFault(.hang, for: .me)
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send((0..<4).flatMap { HTTP2Peer.request(2 * $0 + 1) })
            #expect(try await peer.isAlive())
            // A stream that ends makes way for another.
            peer.send([HTTP2Peer.reset(1)] + HTTP2Peer.request(9))
            #expect(try await peer.isAlive())
            peer.send(HTTP2Peer.request(11))
            #expect(try await peer.ending() == HTTP2Peer.ErrorCode.protocolError)
            #expect(emulator.statistics[.me] == 5)
        }
    }

    @Test("more than five resets per stream and second end the connection")
    func resets() async throws {
        try await withEmulator {
            $0.streams = 10
        } _: { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(opened(200))
            #expect(try await peer.ending() == HTTP2Peer.ErrorCode.enhanceYourCalm)
            // Those before the limit are counted, and none after it.
            #expect(emulator.statistics[.me] <= 51)
        }
    }

    @Test("a client that cancels a thousand calls at once keeps its connection")
    func busyClient() async throws {
        try await withEmulator { emulator, certificate in
            emulator.setFault(.hang, for: .me)
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(opened(1000))
            #expect(try await peer.isAlive())
            await peer.close()
        }
    }

    @Test("a client that cancels calls too late keeps its connection")
    func lateResets() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            for first in stride(from: 0, to: 1500, by: 500) {
                let streams = (first..<first + 500).map { 2 * $0 + 1 }
                peer.send(streams.flatMap { HTTP2Peer.request($0) })
                // Each look reads all frames so far, which takes a busy machine long.
                try await eventually("the responses", within: .seconds(60)) {
                    peer.isClosed || peer.frames.count { $0.kind == .data && $0.flags == Frame.endStream } == first + 500
                }
                peer.send(streams.map { HTTP2Peer.reset($0) })
                #expect(try await peer.isAlive())
            }
            await peer.close()
        }
    }

    @Test(
        "a flood of control frames ends the connection",
        arguments: [
            HTTP2Peer.Frame(kind: .ping, payload: Array(repeating: 0, count: 8)), HTTP2Peer.settings([:]),
            HTTP2Peer.Frame(kind: .priority, stream: 1, payload: [0, 0, 0, 0, 1]),
        ])
    func controlFrames(frame: HTTP2Peer.Frame) async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            peer.send(Array(repeating: frame, count: 500))
            #expect(try await peer.isAlive())
            // Two seconds' worth, however slow this machine is at it.
            peer.send(Array(repeating: frame, count: 20_000))
            #expect(try await peer.ending() == HTTP2Peer.ErrorCode.enhanceYourCalm)
        }
    }

    @Test("a flood of empty data frames ends the connection")
    func emptyData() async throws {
        try await withEmulator { emulator, certificate in
            let peer = try await HTTP2Peer(emulator, trusting: certificate)
            let head = HTTP2Peer.request(1).map { Frame(kind: $0.kind, flags: Frame.endHeaders, stream: 1, payload: $0.payload) }
            peer.send(head + Array(repeating: Frame(kind: .data, stream: 1), count: 3))
            #expect(try await peer.ending() == HTTP2Peer.ErrorCode.enhanceYourCalm)
        }
    }

    @Test("a peer that reads no responses to its pings loses its connection")
    func unreadPings() async throws {
        try await withEmulator {
            $0.unsentControlFrames = 100
            $0.controlFramesPerSecond = 1_000_000
        } _: { emulator, certificate in
            emulator.setFault(.oversizedBody(bytes: 50_000_000), for: .me)
            let peer = try await HTTP2Peer(emulator, trusting: certificate, reads: false)
            peer.send(HTTP2Peer.request(1))
            try await eventually("the call") { emulator.statistics[.me] == 1 }
            let ping = Frame(kind: .ping, payload: Array(repeating: 0, count: 8))
            try await eventually("the end of the connection") {
                peer.send(Array(repeating: ping, count: 100))
                return emulator.openConnections == 0
            }
            await peer.close()
        }
    }

    @Test("curl makes many calls over one connection")
    func curl() async throws {
        try await withEmulator { emulator, certificate in
            let url = emulator.baseURL + "/v1.3/me?access_token=EMAWsecond&n=[1-300]"
            let curl = try ChildProcess(
                "curl",
                [
                    "--silent", "--show-error", "--http2", "--parallel", "--parallel-max", "100", "--cacert",
                    certificate.certificateFile,
                ]
                    + ["--write-out", "%{http_version}\\n", url])
            #expect(try await curl.ending() == 0, "\(curl.allOutput)")
            let lines = curl.output.split(separator: "\n")
            #expect(lines.count { $0 == "2" } == 300)
            #expect(lines.count { $0.hasPrefix("{\"id\":") } == 300)
        }
    }

    @Test("HEAD has the length of the body, which ends with a newline", arguments: ["--http1.1", "--http2"])
    func head(version: String) async throws {
        try await withEmulator { emulator, certificate in
            func curl(_ arguments: [String]) async throws -> String {
                let url = emulator.baseURL + "/v1.3/me?access_token=EMAWsecond"
                let common = ["--silent", "--show-error", version, "--cacert", certificate.certificateFile, url]
                let curl = try ChildProcess("curl", common + arguments)
                #expect(try await curl.ending() == 0, "\(curl.allOutput)")
                return curl.output
            }
            func length(_ text: String) -> Int? {
                let line = text.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("content-length: ") }
                return line.flatMap { Int($0.dropFirst("content-length: ".count)) }
            }
            let body = try await curl([])
            #expect(body.hasSuffix("}}\n"))
            #expect(length(try await curl(["--include"])) == body.utf8.count)
            // Account Kit had no HEAD, so that it gets an error, whose trace id has a fixed length.
            let error = try await curl(["--request", "PUT"])
            #expect(error.hasSuffix("}}\n"))
            #expect(length(try await curl(["--head"])) == error.utf8.count)
        }
    }
}
