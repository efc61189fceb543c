import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("Rejection storms of many applications")
struct RejectionStormsTests {
    @Test("applications that only an introspection endpoint knows can't fill the memory")
    func bounded() {
        var storms = RejectionStorms()
        for number in 0..<1000 {
            let identity = Identity.sample(account: "\(number)", application: "client-\(number)")
            let result = storms.record(
                identity, isRejected: false, RejectionStormSettings(), at: Instant(nanoseconds: 0))
            #expect(result.isBelieved)
        }
        #expect(storms.storms.count == RejectionStorms.maximum + 1)
        #expect(storms.storms[ProviderTarget(provider: "scripted")] != nil, "the others are counted together")
    }
}
