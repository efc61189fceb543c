private import Glibc
import TestKit
import Testing

/// Checks that many calls leak no memory. `DOORMAN_TRANSPORT_CALLS` sets their number; the default is 2,000.
@Suite("Memory", .serialized, .timeLimit(.minutes(60)))
struct MemoryTests {
    /// The maximum growth during the second half of the calls, in bytes. It reveals a leak of 1 KiB per call from 8,000 calls on.
    static let bound = 4 << 20

    static var calls: Int {
        unsafe getenv("DOORMAN_TRANSPORT_CALLS").flatMap { unsafe Int(String(cString: $0)) } ?? 2000
    }

    @Test("memory does not grow during the second half of many calls")
    func flat() async throws {
        try await withEmulator { transport, server async throws in
            func send(_ count: Int) async {
                for _ in 0..<(count / 50) {
                    let outcomes = await transport.manyAtOnce(50, server.me)
                    #expect(outcomes.allSatisfy { $0 == .success(200) })
                }
            }
            let calls = Self.calls
            await send(calls / 2)
            let half = Self.bytesInUse()
            await send(calls / 2)
            let whole = Self.bytesInUse()
            print("\(calls) calls: \(half) bytes in use after half of them, \(whole) after all; resident \(Self.residentBytes())")
            #expect(whole - half < Self.bound)
            // A hundred thousand calls can take longer than the lifetime of connections.
            #expect(server.connections.accepted == 1 + transport.statistics.replacementsForAge)
        }
    }

    /// Resident memory. Allocated memory under AddressSanitizer, which keeps freed memory resident for a while.
    static func bytesInUse() -> Int {
        allocatedBytesUnderSanitizer.map { $0() } ?? residentBytes()
    }

    /// The resident memory of `/proc/self/statm` (proc(5)), in bytes.
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
