internal import DoormanCrypto
internal import FuzzKit

@testable internal import JWTVerifier

/// Fuzzes the reader of key sets: JSON Web Key Sets, and maps of X.509 certificates.
///
/// Input: the text of a set.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKeys(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let text = input.remaining()
    do throws(KeyFetchFailure) {
        check(try KeySet(text), of: text)
    } catch {
        require(!error.description.contains("PLANTED"), "a failure contains nothing from the issuer")
    }
    return 0
}

private func check(_ set: KeySet, of text: [UInt8]) {
    require(set.keys.count + set.skipped.count <= KeySet.maximumKeys, "the number of keys is bounded")
    require((try? KeySet(text)).map(set.isEqual) == true, "a second reading gives the same keys")
    for key in set.keys {
        require(!key.algorithms.isEmpty, "a key has an algorithm")
        require(key.algorithms.allSatisfy(key.publicKey.kind.algorithms.contains), "the type of a key decides its algorithms")
        if let id = key.id {
            let found = set.keys(withID: id)
            require(found.contains(key) && found.count <= KeySet.maximumKeysPerID, "a key is found by its id")
            require(found.allSatisfy { $0.id == id }, "no other key is found by an id")
        }
        let signature = [UInt8](repeating: 0, count: 64)
        for algorithm in key.algorithms {
            require(!key.publicKey.verify(signature.span, of: text.span, with: algorithm), "zeros are no signature")
        }
    }
    require(set.keys(withID: []).isEmpty, "no key has an empty id")
    require(set.skipped.allSatisfy { !$0.description.contains("PLANTED") }, "a reason contains nothing from the issuer")
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzKeys)
        }
    }
#endif
