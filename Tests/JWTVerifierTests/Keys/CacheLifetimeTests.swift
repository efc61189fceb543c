import ProviderHTTP
import Testing

@testable import JWTVerifier

@Suite("Lifetime of a response")
struct CacheLifetimeTests {
    @Test(
        "max-age is read as RFC 9111 has it",
        arguments: [
            ("max-age=3600", 3600), ("public, max-age=19204, must-revalidate, no-transform", 19_204), ("MAX-AGE=5", 5),
            ("max-age=0", 0), ("max-age=\"60\"", 60), ("no-store", 0), ("no-cache, max-age=60", 0),
            ("max-age=99999999999999999999", 1 << 31),
            ("s-maxage=60", nil), ("max-age=-1", nil), ("max-age=", nil), ("max-age=1.5", nil), ("max-age=60x", nil), ("", nil),
            ("private", nil), ("x-max-age=60", nil), ("max-age=60,max-age=70", 60), ("\tmax-age=60\t", 60),
        ] as [(String, Int64?)])
    func maxAge(text: String, seconds: Int64?) {
        #expect(CacheLifetime.duration(in: ["Cache-Control": text]) == seconds.map { .seconds($0) })
    }

    @Test("the age of the response counts")
    func age() {
        #expect(CacheLifetime.duration(in: ["Cache-Control": "max-age=100", "Age": "40"]) == .seconds(60))
        #expect(CacheLifetime.duration(in: ["Cache-Control": "max-age=100", "Age": "400"]) == .zero)
        #expect(CacheLifetime.duration(in: ["Cache-Control": "max-age=100", "Age": "x"]) == .seconds(100))
        #expect(CacheLifetime.duration(in: [:]) == nil)
    }
}
