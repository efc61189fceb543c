internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// A `Verify` of the plain form that was looked at ahead of its turn.
package struct PrefetchedVerify: Sendable {
    let call: CanonicalVerifyRequest
    /// Of the call's token.
    let key: TokenKey
}
