internal import CDoormanVersion

/// The version of Doorman's programs: all programs of a build have the same version.
package enum ProgramVersion {
    /// The version of the next release, marked as unreleased. A release removes the mark.
    package static let number = "0.1.0-dev"

    /// The version for people and logs, such as `0.1.0-dev (revision 1a2b3c4d5e6f)`. A build without `Scripts/build-release` has no
    /// revision.
    package static let text: String = {
        let revision = unsafe String(cString: doorman_revision())
        return revision.isEmpty ? number : "\(number) (revision \(revision))"
    }()
}
