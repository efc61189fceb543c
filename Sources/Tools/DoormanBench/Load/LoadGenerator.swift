internal import DoormanClient
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// Makes calls according to the settings and counts their outcomes. Runs once.
///
/// Uses NIO directly: with the client library, the run would measure the library's tasks. One event loop drives many connections,
/// with one write per read.
///
/// Every wait is bounded: by the connect timeout, the window, and the time for the last call to be sent and completed.
package final class LoadGenerator: Sendable {
    /// Maximum connections that are opened at the same time.
    private static let maxOpening = 256

    private let settings: BenchSettings
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBoundBox<LoadLoop>]
    private let window = NIOLockedValueBox<BenchWindow?>(nil)

    package init(settings: BenchSettings, frames: RequestFrames) {
        self.settings = settings
        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.loops)
        self.group = group
        self.loops = group.makeIterator().enumerated().map { index, eventLoop in
            let part = CallSchedule.Part(index: index, of: settings.loops)
            let connections = (settings.connections - index + settings.loops - 1) / settings.loops
            return .makeBoxSendingValue(
                LoadLoop(eventLoop: eventLoop, settings: settings, frames: frames, connections: connections, part: part),
                eventLoop: eventLoop)
        }
    }

    /// Opens the connections, makes the calls and closes the connections.
    ///
    /// - Throws: If a connection can't be opened. No call is made then.
    package func run() async throws(CannotConnect) -> BenchReport {
        let outcome: Result<BenchReport, CannotConnect>
        var channels: [any Channel] = []
        do throws(CannotConnect) {
            try await connect(&channels)
            outcome = .success(await load())
        } catch {
            outcome = .failure(error)
        }
        // Starts all closings first: over TLS each waits for the server's close notification.
        let closings = channels.map { $0.close() }
        for closing in closings { try? await closing.get() }
        return try outcome.get()
    }

    /// Ends the threads. The generator can't be used afterwards.
    package func shutDown() async {
        try? await group.shutdownGracefully()
    }

    /// Starts no further calls. Calls that are due still finish within their time.
    package func stop() {
        for loop in loops { loop.eventLoop.execute { loop.value.stop() } }
    }

    /// Ends the run at once. Calls in flight are not counted.
    package func cutOff() {
        for loop in loops { loop.eventLoop.execute { loop.value.cutOff() } }
    }

    /// Returns the progress; `nil` before the first call.
    package func progress() async -> BenchProgress? {
        guard let window = window.withLockedValue({ $0 }) else { return nil }
        var responses = 0
        for loop in loops { responses += (try? await loop.eventLoop.submit { loop.value.responses }.get()) ?? 0 }
        return BenchProgress(window: window, now: .now, responses: responses)
    }

    private func connect(_ channels: inout [any Channel]) async throws(CannotConnect) {
        let connector: LoadConnector
        do {
            connector = try LoadConnector(settings)
        } catch {
            throw CannotConnect(opened: 0, of: settings.connections, cause: error)
        }
        var opening: ArraySlice<EventLoopFuture<any Channel>> = []
        var failure: CannotConnect?
        for number in 0..<settings.connections {
            if opening.count == Self.maxOpening { await finishOne(&opening, &channels, &failure) }
            guard failure == nil else { break }
            opening.append(connector.connect(loops[number % loops.count], number / loops.count))
        }
        while !opening.isEmpty { await finishOne(&opening, &channels, &failure) }
        if let failure { throw failure }
    }

    private func finishOne(
        _ opening: inout ArraySlice<EventLoopFuture<any Channel>>, _ channels: inout [any Channel], _ failure: inout CannotConnect?
    ) async {
        do {
            channels.append(try await opening.removeFirst().get())
        } catch {
            failure = failure ?? CannotConnect(opened: channels.count, of: settings.connections, cause: error)
        }
    }

    private func load() async -> BenchReport {
        let window = BenchWindow(start: .now, warmUp: settings.warmUp, duration: settings.duration)
        self.window.withLockedValue { $0 = window }
        let running = loops.map { loop in loop.eventLoop.flatSubmit { loop.value.run(window) } }
        var (counters, lost) = (BenchCounters(), 0)
        var reached = window
        reached.cut(at: window.start)
        for loop in running {
            // The promise never fails.
            guard let result = try? await loop.get() else { continue }
            counters.add(result.counters)
            lost += result.connectionsLost
            // A loop without connections ends before the others.
            if result.window.end > reached.end { reached = result.window }
        }
        let ending: BenchReport.Ending =
            lost == settings.connections ? .connectionsLost : reached == window ? .timeUp : .interrupted
        return BenchReport(settings: settings, ending: ending, measured: reached.length, connectionsLost: lost, counters: counters)
    }
}

/// The error for a connection that can't be opened.
package struct CannotConnect: Error, CustomStringConvertible {
    package let opened: Int
    package let of: Int
    package let cause: any Error

    package var description: String {
        // An error of SwiftNIO or BoringSSL has the names of types and constants.
        "connection \(opened + 1) of \(of) can't be opened: \(ConnectFailure(cause))"
    }
}
