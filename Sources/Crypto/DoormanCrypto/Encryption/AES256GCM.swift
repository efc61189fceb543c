private import COpenSSL
internal import DoormanCore

/// Encrypts and authenticates bytes with one key: AES-256 in Galois/Counter Mode (NIST SP 800-38D).
///
/// A key must never see a nonce twice, except in ``open(_:nonce:authenticating:)``: a second message under it reveals both, and lets anyone
/// forge.
package struct AES256GCM: Sendable {
    package static let keyBytes = 32
    package static let nonceBytes = 12
    /// The number of bytes that ``seal(_:nonce:authenticating:)`` adds.
    package static let tagBytes = 16
    /// The maximum bytes of a message, and of what is authenticated with it: 1 MiB.
    package static let maximumCount = 1 << 20

    package enum Failure: Error, Sendable, Hashable {
        /// The bytes are not what the holder of the key sealed with this nonce and these authenticated bytes.
        case forged
        /// The bytes, or the authenticated bytes, are more than ``maximumCount``.
        case tooLong
        /// OpenSSL failed, for example for lack of memory.
        case failed
    }

    private let key: [UInt8]

    /// - Parameter key: ``keyBytes`` random or derived bytes. Another number traps.
    package init(key: [UInt8]) {
        precondition(key.count == Self.keyBytes, "AES-256-GCM: length of the key")
        self.key = key
    }

    /// Encrypts a message.
    ///
    /// - Parameters:
    ///   - nonce: ``nonceBytes`` bytes that this key has never sealed with. Another number traps.
    ///   - associatedData: Bytes that are authenticated and not encrypted.
    /// - Returns: The ciphertext, as long as the message, and the tag.
    package func seal(
        _ message: [UInt8], nonce: [UInt8], authenticating associatedData: [UInt8]
    ) throws(Failure) -> [UInt8] {
        precondition(nonce.count == Self.nonceBytes, "AES-256-GCM: length of the nonce")
        guard max(message.count, associatedData.count) <= Self.maximumCount else { throw .tooLong }
        guard let sealed = encrypted(message, nonce, associatedData) else { throw Self.failure(.failed) }
        return sealed
    }

    /// Decrypts what ``seal(_:nonce:authenticating:)`` returned, and checks that it is unchanged.
    package func open(
        _ sealed: [UInt8], nonce: [UInt8], authenticating associatedData: [UInt8]
    ) throws(Failure) -> [UInt8] {
        precondition(nonce.count == Self.nonceBytes, "AES-256-GCM: length of the nonce")
        guard sealed.count >= Self.tagBytes else { throw .forged }
        guard max(sealed.count - Self.tagBytes, associatedData.count) <= Self.maximumCount else { throw .tooLong }
        let count = sealed.count - Self.tagBytes
        return try decrypted(Array(sealed[..<count]), tag: Array(sealed[count...]), nonce, associatedData)
    }
}

extension AES256GCM: Redacted {
    package var description: String { "AES256GCM(redacted)" }
}

// MARK: - The calls of OpenSSL

extension AES256GCM {
    /// Looked up once: OpenSSL takes as long for that as for a short message. It never changes, and lives as long as the process.
    nonisolated(unsafe) private static let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)

    /// Removes OpenSSL's own errors from the thread, where they would confuse the next TLS call.
    private static func failure(_ failure: Failure) -> Failure {
        ERR_clear_error()
        return failure
    }

    /// - Returns: `nil` if a step fails.
    private func encrypted(_ message: [UInt8], _ nonce: [UInt8], _ associatedData: [UInt8]) -> [UInt8]? {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
        // Erases the key schedule, too.
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var ciphertext = [UInt8](repeating: 0, count: message.count)
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        var (count, last): (CInt, CInt) = (0, 0)
        // GCM's default nonce has twelve bytes. A null output authenticates the input only.
        guard unsafe EVP_EncryptInit_ex(context, Self.cipher, nil, key, nonce) == 1,
            unsafe associatedData.isEmpty
                || EVP_EncryptUpdate(context, nil, &count, associatedData, CInt(associatedData.count)) == 1
        else { return nil }
        count = 0
        guard unsafe message.isEmpty || EVP_EncryptUpdate(context, &ciphertext, &count, message, CInt(message.count)) == 1,
            Int(count) == message.count,
            // Writes no bytes, since GCM has no padding.
            unsafe EVP_EncryptFinal_ex(context, &tag, &last) == 1, last == 0,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, CInt(Self.tagBytes), &tag) == 1
        else { return nil }
        return ciphertext + tag
    }

    private func decrypted(
        _ ciphertext: [UInt8], tag: [UInt8], _ nonce: [UInt8], _ associatedData: [UInt8]
    ) throws(Failure) -> [UInt8] {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw Self.failure(.failed) }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var message = [UInt8](repeating: 0, count: ciphertext.count)
        var (tag, unused) = (tag, [UInt8](repeating: 0, count: Self.tagBytes))
        var (count, last): (CInt, CInt) = (0, 0)
        guard unsafe EVP_DecryptInit_ex(context, Self.cipher, nil, key, nonce) == 1,
            unsafe associatedData.isEmpty
                || EVP_DecryptUpdate(context, nil, &count, associatedData, CInt(associatedData.count)) == 1
        else { throw Self.failure(.failed) }
        count = 0
        guard unsafe ciphertext.isEmpty || EVP_DecryptUpdate(context, &message, &count, ciphertext, CInt(ciphertext.count)) == 1,
            Int(count) == ciphertext.count,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, CInt(Self.tagBytes), &tag) == 1
        else { throw Self.failure(.failed) }
        // Compares the tags. Before that, the message is not to be trusted.
        guard unsafe EVP_DecryptFinal_ex(context, &unused, &last) == 1, last == 0 else { throw Self.failure(.forged) }
        return message
    }
}
