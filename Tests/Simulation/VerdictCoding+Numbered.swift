internal import DoormanCache
internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

extension VerdictCoding {
    /// A verdict is encoded as its place in a list, and every second one is read back from there.
    static func numbered(_ verdicts: NIOLockedValueBox<[Verdict]>) -> VerdictCoding {
        VerdictCoding { verdict in
            verdicts.withLockedValue { verdicts in
                verdicts.append(verdict)
                return EncodedResponse(bytes: Array("\(verdicts.count - 1)".utf8))
            }
        } decode: { response in
            guard let number = Int(String(decoding: response.bytes, as: UTF8.self)), number.isMultiple(of: 2) else { return nil }
            return verdicts.withLockedValue { $0[number] }
        }
    }
}
