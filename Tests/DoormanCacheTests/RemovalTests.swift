import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanCache

@Suite("Removal of entries by a condition")
struct RemovalTests {
    @Test("a call after a removal gets no verdict from before it, though it joins the lookup")
    func joinedLookup() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the lookup begins") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .milliseconds(1))
        scene.verifier.removeEntries { _ in true }
        let late = Task { try await scene.verify() }
        try await eventually("the late call joins") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        try await eventually("both calls look up again") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.respondNext(.success(.rejectedToken))
        for call in [early, late] { #expect(try await call.value == .rejectedToken) }
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("a verdict from before a removal that the condition does not concern is stored")
    func otherIdentity() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("the lookup begins") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .milliseconds(1))
        scene.verifier.removeEntries { $0.accountID == "another" }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        #expect(try await call.value.identity != nil)
        #expect(scene.cachedResponse() != nil)
    }

    @Test("a removal removes the entries that it concerns, and no other")
    func cachedEntry() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .milliseconds(1))
        scene.verifier.removeEntries { $0.accountID == "another" }
        #expect(scene.cachedResponse() != nil)
        scene.verifier.removeEntries { $0.accountID != "another" }
        #expect(scene.cachedResponse() == nil)
    }
}
