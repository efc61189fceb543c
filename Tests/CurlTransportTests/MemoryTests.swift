private import Glibc
import TestKit
import Testing

/// Whether many calls leave anything behind. `DOORMAN_TRANSPORT_CALLS` says how many; 2,000 if it does not.
@Suite("Memory", .serialized, .timeLimit(.minutes(60)))
struct MemoryTests {
    /// How much more memory the second half of the calls may leave in use than the first. One kibibyte a call that was lost would be
    /// seen from 8,000 calls on.
    static let bound = 4 << 20

    static var calls: Int {
        unsafe getenv("DOORMAN_TRANSPORT_CALLS").flatMap { unsafe Int(String(cString: $0)) } ?? 2000
    }

    @Test("the second half of many calls takes no more memory than the first")
    func flat() async throws {
        try await withEmulator { transport, server async throws in
            func ask(_ count: Int) async {
                for _ in 0..<(count / 50) {
                    let outcomes = await transport.manyAtOnce(50, server.me)
                    #expect(outcomes.allSatisfy { $0 == .success(200) })
                }
            }
            let calls = Self.calls
            await ask(calls / 2)
            let half = Self.bytesInUse()
            await ask(calls / 2)
            let whole = Self.bytesInUse()
            print("\(calls) calls: \(half) bytes in use after half of them, \(whole) after all; resident \(Self.residentBytes())")
            #expect(whole - half < Self.bound)
            // A hundred thousand calls may take longer than a connection's life.
            #expect(server.connections.accepted == 1 + transport.statistics.replacementsForAge)
        }
    }

    /// Resident memory; under AddressSanitizer, which keeps what is freed resident for a while, what is allocated.
    static func bytesInUse() -> Int {
        allocatedBytesUnderSanitizer.map { $0() } ?? residentBytes()
    }

    /// The second number of `/proc/self/statm` (proc(5)), in bytes.
    static func residentBytes() -> Int {
        let file = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(file, &bytes, bytes.count)
        let numbers = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return (numbers.count > 1 ? Int(numbers[1]) ?? 0 : 0) * sysconf(CInt(_SC_PAGESIZE))
    }

    private static let allocatedBytesUnderSanitizer: (@convention(c) () -> Int)? = {
        guard let symbol = unsafe dlsym(nil, "__sanitizer_get_current_allocated_bytes") else { return nil }
        return unsafe unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)
    }()
}
