internal import DoormanCrypto
internal import DoormanFiles

extension DoormandSettings {
    /// A digest of the settings in use, in 12 hexadecimal digits: of all values, the caller policy and the file of providers. Two servers with
    /// the same digest are configured alike, but for the contents of their secrets and certificates.
    var digest: String {
        let code = HMACSHA256(key: Array("doorman configuration".utf8)).authenticationCode { feeder in
            for setting in SettingsCatalogue.all {
                feeder.appendLengthPrefixed(Array(setting.key.utf8).span)
                feeder.appendLengthPrefixed(Array(setting.read(self).utf8).span)
            }
            for path in [policyFile, httpProfilesFile, providerFile] where !path.isEmpty {
                // A file that can't be read is reported when it is used.
                let contents = (try? RegularFile.read(path, limit: Self.maximumDigestedBytes)) ?? []
                feeder.appendLengthPrefixed(contents.span)
            }
        }
        return String(code.hexadecimal.prefix(12))
    }

    /// The maximum bytes of a file that the digest covers: as many as the loader of any of them accepts.
    private static let maximumDigestedBytes = 1 << 20
}
