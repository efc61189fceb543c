import Foundation
import Glibc
import TestKit
import Testing

/// Real `doormand` processes, with a test in the place of systemd.
@Suite("Notifications of the service manager", .serialized, .timeLimit(.minutes(3)))
struct NotificationTests {
    private static let settings = "log: {level: info}\n"

    @Test("a start, reloads and the drain are notified in order", arguments: [false, true])
    func lifeCycle(isAbstract: Bool) async throws {
        try await withTemporaryFolder { folder in
            let manager = try NotificationSocket(
                name: isAbstract ? "@doorman-test-\(UUID().uuidString)" : folder.appendingPathComponent("notify").path)
            let file = folder.appendingPathComponent("settings.yaml")
            try Self.settings.write(to: file, atomically: true, encoding: .utf8)
            let doormand = try ManagedDoormand.start(
                ["--config", file.path, "--server-address", "127.0.0.1:0", "--reload-interval", "0s"],
                variables: ["NOTIFY_SOCKET": manager.name])
            try await eventually("READY=1") { manager.messages.count == 1 }
            let ready = manager.messages[0]
            #expect(ready["READY"] == "1")
            let address = try #require(ready["STATUS"]?.split(separator: " ").last)
            #expect(ready["STATUS"] == "serving on \(address)")
            let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
            #expect(try await ManagedDoormand.isServing(.connect(port: port)), "the listener is up at READY=1")

            try await eventually("the server traps SIGHUP") { doormand.errorOutput.contains("ready to reload") }
            doormand.hangUp()
            try await eventually("the end of a reload") { manager.messages.count == 3 }
            try check(reload: Array(manager.messages[1...2]), status: "serving, reloaded the settings")

            try "log: {level: loud}\n".write(to: file, atomically: true, encoding: .utf8)
            doormand.hangUp()
            try await eventually("the end of a failed reload") { manager.messages.count == 5 }
            try check(
                reload: Array(manager.messages[3...4]),
                status: "serving with the previous settings, because the new settings are invalid: see the log")

            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
            #expect(manager.messages.dropFirst(5) == [["STOPPING": "1", "STATUS": "draining"]])
            #expect(manager.signsOfLife == 0, "there is no watchdog")
            #expect(!doormand.allOutput.contains("can't be notified"))
        }
    }

    private func check(reload messages: [[String: String]], status: String) throws {
        #expect(messages[0]["RELOADING"] == "1")
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        let reloading = try #require(messages[0]["MONOTONIC_USEC"].flatMap { Int($0) })
        #expect((time.tv_sec - 60) * 1_000_000...(time.tv_sec + 1) * 1_000_000 ~= reloading)
        #expect(messages[1] == ["READY": "1", "STATUS": status])
    }

    @Test("a socket that does not exist is one log line, and the server serves")
    func noSocket() async throws {
        try await withTemporaryFolder { folder in
            let portFile = folder.appendingPathComponent("port")
            let doormand = try ManagedDoormand.start(
                ["--server-address", "127.0.0.1:0", "--server-port-file", portFile.path],
                variables: ["NOTIFY_SOCKET": folder.appendingPathComponent("none").path, "WATCHDOG_USEC": "20000"])
            #expect(try await ManagedDoormand.isServing(.connect(port: doormand.port(from: portFile))))
            try await eventually("a log line") { doormand.errorOutput.contains("the service manager can't be notified") }
            doormand.terminate()
            #expect(try await doormand.ending() == 0)
            let lines = doormand.errorOutput.split(separator: "\n").filter { $0.contains("can't be notified") }
            #expect(lines.count == 1 && lines[0].contains("No such file or directory"), "\(lines)")
        }
    }

    private static let helper = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Interop/stop-thread.py").standardized.path

    @Test(
        "signs of life stop while one event loop is stuck",
        .enabled(if: geteuid() == 0, "stopping a thread of another process needs root"))
    func stuckLoop() async throws {
        try await withTemporaryFolder { folder in
            let manager = try NotificationSocket(name: folder.appendingPathComponent("notify").path)
            let doormand = try ManagedDoormand.start(
                ["--server-address", "127.0.0.1:0", "--server-event-loops", "2"],
                variables: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "$$"])
            try await eventually("five signs of life") { manager.signsOfLife >= 5 }

            let helper = try ChildProcess(
                "python3", [Self.helper, "\(doormand.id)", "NIO-ELT-"], environment: ["PATH": "/usr/bin:/bin"])
            try await eventually("a thread is stopped") { helper.output.contains("stopped") || !helper.isRunning }
            #expect(helper.isRunning, "\(helper.allOutput)")
            try await eventually("twenty intervals of silence") { manager.silence > .seconds(1) }

            let before = manager.signsOfLife
            helper.killAtOnce()
            try await eventually("signs of life again") { manager.signsOfLife > before + 5 }
            doormand.terminate()
            #expect(try await doormand.ending() == 0, "\(doormand.allOutput)")
        }
    }

    @Test("a watchdog of another process gets no sign of life")
    func otherProcess() async throws {
        try await withTemporaryFolder { folder in
            let manager = try NotificationSocket(name: folder.appendingPathComponent("notify").path)
            let doormand = try ManagedDoormand.start(
                ["--server-address", "127.0.0.1:0"],
                variables: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"])
            try await eventually("READY=1") { manager.messages.contains { $0["READY"] == "1" } }
            doormand.terminate()
            #expect(try await doormand.ending() == 0)
            #expect(manager.messages.last?["STOPPING"] == "1")
            #expect(manager.signsOfLife == 0)
        }
    }
}
