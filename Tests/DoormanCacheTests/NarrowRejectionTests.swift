import DoormanCore
import DoormanSupport
import TestKit
import Testing

/// A rejection answers only calls that name the same application as the call that caused it.
@Suite("Narrow rejections")
struct NarrowRejectionTests {
    @Test("a cached rejection answers only calls that name the same application")
    func cached() async throws {
        let scene = try Scene()
        scene.provider.script { $0.applicationID == "1" ? .success(.rejectedToken) : .success(.valid(.sample(application: "2"))) }
        #expect(try await scene.verify(application: "1") == .rejectedToken)
        #expect(scene.cachedResponse(application: "1") == "tokenRejected")
        #expect(scene.cachedResponse(application: "2") == nil)
        #expect(scene.cachedResponse() == nil)
        #expect(try await scene.verify(application: "2").identity != nil)
        #expect(scene.cachedResponse() != nil, "the identity replaces the rejection")
        #expect(scene.cachedResponse(application: "1") == "wrongApplication")
    }

    @Test("a rejection without a named application answers no call that names one")
    func unnamed() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.rejectedToken)
        _ = try await scene.verify()
        #expect(scene.cachedResponse() == "tokenRejected")
        _ = try await scene.verify(application: "1")
        #expect(scene.provider.verifyRequests.map(\.applicationID) == [nil, "1"])
        #expect(scene.cachedResponse(application: "1") == "tokenRejected")
    }

    @Test("a call joins only a lookup of the same application")
    func inFlight() async throws {
        let scene = try Scene()
        let calls = ["1", "1", "2", nil, nil].map { application in Task { try await scene.verify(application: application) } }
        try await eventually("the calls wait") {
            scene.verifier.statistics.joined == 2 && scene.provider.verifyRequests.count == 3
        }
        for _ in 0..<3 { try await scene.provider.respondNext(.success(.rejectedToken)) }
        for call in calls { #expect(try await call.value == .rejectedToken) }
    }

    @Test("a call for another application than that of the cached identity needs no provider request")
    func wrongApplication() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample(application: "1")))
        _ = try await scene.verify()
        #expect(scene.cachedResponse(application: "2") == "wrongApplication")
        #expect(scene.cachedResponse(application: "2", maxAgeSeconds: 60) == "wrongApplication")
        scene.clock.advance(by: .seconds(2))
        #expect(scene.cachedResponse(application: "2", maxAgeSeconds: 1) == nil)
        scene.clock.advance(by: .seconds(58))
        #expect(scene.cachedResponse(application: "2") == nil)
        #expect(scene.provider.verifyRequests.count == 1)
    }
}
