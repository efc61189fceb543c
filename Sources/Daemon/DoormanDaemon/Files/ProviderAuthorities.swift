internal import CurlTransport

extension DoormandSettings {
    fileprivate static let authoritiesSetting = "provider.ca-file"

    /// Returns the only authorities to trust for the provider, in PEM form, or `nil` for the system's.
    ///
    /// - Throws: ``ConfigurationError`` if the file of the setting `provider.ca-file` holds no certificates.
    func providerAuthorities() throws(ConfigurationError) -> [UInt8]? {
        try AuthorityFile(setting: Self.authoritiesSetting, path: caFile).read()
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
