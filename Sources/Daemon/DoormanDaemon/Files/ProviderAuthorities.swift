internal import CurlTransport
internal import DoormanFiles
internal import NIOSSLExtras

extension DoormandSettings {
    /// Far more than a bundle of all public authorities, which has about 250 KiB.
    private static let maximumAuthorityBytes = 4 << 20
    fileprivate static let authoritiesSetting = "provider.ca-file"

    /// Returns the only authorities to trust for the provider, in PEM form, or `nil` for the system's.
    ///
    /// - Throws: ``ConfigurationError`` if the file of the setting `provider.ca-file` holds no certificates.
    func providerAuthorities() throws(ConfigurationError) -> [UInt8]? {
        guard !caFile.isEmpty else { return nil }
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(caFile, limit: Self.maximumAuthorityBytes)
        } catch {
            throw ConfigurationError(problems: [UnreadableFile.problem(of: Self.authoritiesSetting, caFile, error)])
        }
        guard bytes.count <= Self.maximumAuthorityBytes else {
            throw ConfigurationError(problems: [
                "\(Self.authoritiesSetting): the file is longer than 4 MiB\(UnreadableFile.suffix(caFile))"
            ])
        }
        guard PEMCertificates.areValid(bytes) else {
            throw ConfigurationError(problems: [
                "\(Self.authoritiesSetting): contains no PEM certificate, or one that can't be parsed\(UnreadableFile.suffix(caFile))"
            ])
        }
        return bytes
    }
}

extension CurlTransport {
    /// Replaces the authorities of later provider requests. A change between a file and the system's authorities needs a restart.
    var authoritiesComponent: ReloadableComponent {
        let key = DoormandSettings.authoritiesSetting
        return ReloadableComponent(keys: [key], files: { [$0.caFile] }) { [self] settings throws(ConfigurationError) in
            let (before, new) = (authorities, try settings.providerAuthorities())
            guard (before == nil) == (new == nil) else { return ReloadableComponent.Step(needRestart: [key]) {} }
            guard before != new else { return ReloadableComponent.Step {} }
            return ReloadableComponent.Step(changed: [key]) { self.replaceAuthorities(new) }
        }
    }
}
