package import DoormanCache
internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

extension VerdictCoding {
    /// The form that clients get. Identities with details, such as scopes, are not read back: some of those are not part of a response.
    package static let wire = VerdictCoding { verdict in
        EncodedResponse(bytes: ResponseEncoder.encode(verdict))
    } decode: { response in
        response.withSpan { Identity(canonicalResponse: $0) }.map(Verdict.valid)
    }
}
