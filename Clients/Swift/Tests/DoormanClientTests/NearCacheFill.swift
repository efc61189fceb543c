import DoormanClient
import DoormanTesting
import DoormanWire

/// An identity in a client's near cache.
struct NearCacheFill {
    let connection: PeerConnection
    /// The identity in the peer's response.
    let identity: Identity

    /// Has a client verify a token, and the peer respond with an identity without an end.
    init(_ client: DoormanClient, _ token: Token, account: String, from peer: ScriptedPeer) async throws {
        async let first = client.verify(token)
        connection = try await peer.accept()
        var response = Identity.sample(accountID: account, freshness: .fresh)
        response.validUntil = .distantFuture
        try await connection.answer(connection.nextCall(), ResponseEncoder.encode(response))
        identity = try await first
    }
}
