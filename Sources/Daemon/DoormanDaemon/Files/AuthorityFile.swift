internal import DoormanFiles
internal import NIOSSLExtras

/// A file with the only certificate authorities to trust, in PEM form.
struct AuthorityFile {
    /// Far more than a bundle of all public authorities, which has about 250 KiB.
    private static let maximumBytes = 4 << 20

    /// The setting that names the file.
    let setting: String
    /// Empty for the system's authorities.
    let path: String

    /// Returns the authorities; `nil` for the system's.
    ///
    /// - Throws: ``ConfigurationError`` if the file holds no certificates.
    func read() throws(ConfigurationError) -> [UInt8]? {
        guard !path.isEmpty else { return nil }
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(path, limit: Self.maximumBytes)
        } catch {
            throw ConfigurationError(problems: [UnreadableFile.problem(of: setting, path, error)])
        }
        guard bytes.count <= Self.maximumBytes else {
            throw ConfigurationError(problems: ["\(setting): the file is longer than 4 MiB\(UnreadableFile.suffix(path))"])
        }
        guard PEMCertificates.areValid(bytes) else {
            throw ConfigurationError(problems: [
                "\(setting): contains no PEM certificate, or one that can't be parsed\(UnreadableFile.suffix(path))"
            ])
        }
        return bytes
    }
}
