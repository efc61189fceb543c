package import NIOSSL

extension BoringSSLError {
    /// BoringSSL's words for what went wrong, such as `WRONG_VERSION_NUMBER`, the first cause first. Constants of its own: nothing in
    /// them is from the peer.
    package var reasons: [String] {
        guard case .sslError(let stack) = self else { return [] }
        return stack.map { error in
            // `error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at …`
            let words = error.description.split(separator: ":").first { $0.contains(" at ") } ?? ""
            return words.split(separator: " ").first.map(String.init) ?? error.description
        }
    }
}
