internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// A `Verify` of the plain form that was looked at ahead of its turn.
package struct PreparedVerify: Sendable {
    let call: PlainVerifyCall
    /// Of the call's token.
    let key: TokenKey
}
