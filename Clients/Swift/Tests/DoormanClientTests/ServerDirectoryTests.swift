import DoormanCore
import DoormanSupport
import NIOCore
import Testing

@testable import DoormanClient

@Suite("the server directory")
struct ServerDirectoryTests {
    let name = DoormanTarget.hostAndPort("doorman.internal", 7117)
    let start = Instant(nanoseconds: 1_000_000_000)

    private func server(_ number: Int, _ target: DoormanTarget) throws -> Server {
        Server(address: try SocketAddress(ipAddress: "10.0.0.\(number)", port: 7117), target: target)
    }

    private func directory(_ targets: [DoormanTarget], most: Int = 32) -> ServerDirectory {
        ServerDirectory(targets: targets, maximumServers: most, interval: .seconds(30))
    }

    /// Looks up every target.
    private func find(_ results: [Result<[Server], ConnectFailure>], in directory: inout ServerDirectory, at now: Instant) {
        #expect(directory.beginLookUps(afterFailure: true, at: now) == Array(results.indices))
        for (index, result) in results.enumerated() { finish(index, result, in: &directory, at: now) }
    }

    private func finish(
        _ index: Int, _ result: Result<[Server], ConnectFailure>, in directory: inout ServerDirectory, at now: Instant
    ) {
        var randomness = SplitMix64(seed: 1)
        directory.finishLookUp(index, result, at: now, using: &randomness)
    }

    @Test("a name is looked up after the interval, or a second after a failure")
    func times() throws {
        var directory = directory([name])
        #expect(directory.beginLookUps(afterFailure: false, at: start) == [0])
        #expect(directory.beginLookUps(afterFailure: true, at: start.advanced(by: .seconds(100))) == [])
        finish(0, .success([try server(1, name)]), in: &directory, at: start)
        #expect(directory.beginLookUps(afterFailure: false, at: start.advanced(by: .seconds(29))) == [])
        #expect(directory.beginLookUps(afterFailure: true, at: start.advanced(by: .milliseconds(999))) == [])
        #expect(directory.beginLookUps(afterFailure: true, at: start.advanced(by: .seconds(1))) == [0])
        finish(0, .success([try server(1, name)]), in: &directory, at: start.advanced(by: .seconds(1)))
        #expect(directory.beginLookUps(afterFailure: false, at: start.advanced(by: .seconds(31))) == [0])
    }

    @Test("a slow name delays no other name")
    func slowName() throws {
        let other = DoormanTarget.hostAndPort("other.internal", 7117)
        var directory = directory([name, other])
        #expect(directory.beginLookUps(afterFailure: false, at: start) == [0, 1])
        finish(1, .success([try server(2, other)]), in: &directory, at: start)
        #expect(directory.servers == [try server(2, other)])
        let later = start.advanced(by: .seconds(30))
        #expect(directory.beginLookUps(afterFailure: false, at: later) == [1])
        finish(0, .success([try server(1, name)]), in: &directory, at: later)
        #expect(Set(directory.servers) == [try server(1, name), try server(2, other)])
        #expect(directory.beginLookUps(afterFailure: false, at: later.advanced(by: .seconds(30))) == [0])
    }

    @Test("only names are looked up again")
    func addresses() throws {
        for (target, isAgain) in [(DoormanTarget.hostAndPort("10.0.0.1", 7117), false), (name, true)] {
            var directory = directory([target])
            find([.success([try server(1, target)])], in: &directory, at: start)
            for isAfterFailure in [false, true] {
                var later = directory
                let due = later.beginLookUps(afterFailure: isAfterFailure, at: start.advanced(by: .seconds(30)))
                #expect(due == (isAgain ? [0] : []))
            }
        }
    }

    @Test("a failed look-up keeps the servers of the last success")
    func failure() throws {
        let other = DoormanTarget.hostAndPort("other.internal", 7117)
        var directory = directory([name, other])
        find([.failure(.noSuchName), .success([try server(2, other)])], in: &directory, at: start)
        #expect(directory.servers == [try server(2, other)])
        let later = start.advanced(by: .seconds(60))
        find([.success([try server(1, name)]), .failure(.noSuchName)], in: &directory, at: later)
        #expect(Set(directory.servers) == [try server(1, name), try server(2, other)])
    }

    @Test("servers that stay come before new servers")
    func changes() throws {
        var directory = directory([name])
        find([.success([try server(1, name), try server(2, name), try server(1, name)])], in: &directory, at: start)
        #expect(directory.servers.count == 2)
        let later = start.advanced(by: .seconds(60))
        find([.success([try server(3, name), try server(2, name)])], in: &directory, at: later)
        #expect(directory.servers == [try server(2, name), try server(3, name)])
    }

    @Test("the same servers stay in use when a name has too many")
    func tooMany() throws {
        var directory = directory([name], most: 3)
        let all = try (1...50).map { try server($0, name) }
        find([.success(all)], in: &directory, at: start)
        let chosen = directory.servers
        #expect(chosen.count == 3 && Set(chosen).count == 3)
        find([.success(all.reversed())], in: &directory, at: start.advanced(by: .seconds(60)))
        #expect(directory.servers == chosen)
    }

    @Test("a directory without targets looks up nothing")
    func nothing() {
        var directory = directory([])
        #expect(directory.beginLookUps(afterFailure: true, at: start) == [])
    }
}
