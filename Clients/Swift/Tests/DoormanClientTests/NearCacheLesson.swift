import DoormanClient
import DoormanTesting
import DoormanWire

/// What a client's near cache has learned from a peer.
struct NearCacheLesson {
    let connection: PeerConnection
    /// As the peer answered.
    let identity: Identity

    /// Has a client ask about a token, and the peer answer with an account that stays valid for ever.
    init(_ client: DoormanClient, _ token: Token, account: String, from peer: ScriptedPeer) async throws {
        async let first = client.verify(token)
        connection = try await peer.accept()
        var answer = Identity.sample(accountID: account, freshness: .fresh)
        answer.validUntil = .distantFuture
        try await connection.answer(connection.nextCall(), ResponseEncoder.encode(answer))
        identity = try await first
    }
}
