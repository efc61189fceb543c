internal import AccountKit

/// An application whose tokens are ours.
struct ServedApplication: Sendable, Hashable {
    let id: String
    /// What to ask with: the same but for the secret. One, or two while the secret is changed, the current first.
    let credentials: [AccountKitSettings]

    /// Those of the credentials; nil where there is none.
    var secrets: [AppSecret?] { credentials.map(\.application.secret) }

    /// The same application with another's secrets.
    func withSecrets(of other: ServedApplication) -> ServedApplication {
        let credentials = other.secrets.map { secret in
            var credential = self.credentials[0]
            credential.application.secret = secret
            return credential
        }
        return ServedApplication(id: id, credentials: credentials)
    }

    /// Without one no proof is sent.
    var hasSecret: Bool { credentials.contains { $0.application.secret != nil } }
    var acceptsAnswersWithoutApplication: Bool { credentials.contains { $0.acceptAnswersWithoutApplication } }
}

/// What the operator says of one application, in the settings or in an entry of the applications file.
struct ApplicationEntry: Sendable {
    var id = ""
    /// Path; empty for none.
    var secretFile = ""
    /// Path; empty for none.
    var nextSecretFile = ""
    var apiVersion: String
    var acceptsAnswersWithoutApplication = false

    /// What begins the lines about the entry as a whole.
    let name: String
    /// What begins the lines about one of its keys.
    let keyPrefix: String
    let secretKey: String
    let nextSecretKey: String

    /// - Throws: ``ConfigurationError`` with all that is wrong with this one application.
    func application(_ settings: DoormandSettings) throws(ConfigurationError) -> ServedApplication {
        var problems: [String] = []
        var secrets: [AppSecret] = []
        for (key, path) in [(secretKey, secretFile), (nextSecretKey, nextSecretFile)] where !path.isEmpty {
            do throws(ConfigurationError) {
                let secret = try AppSecretFile.read(path, for: keyPrefix + key)
                // The same twice, as when the new secret has taken the old one's place, is one.
                if !secrets.contains(secret) { secrets.append(secret) }
            } catch {
                problems += error.problems
            }
        }
        if secretFile.isEmpty, !nextSecretFile.isEmpty {
            problems.append("\(keyPrefix)\(nextSecretKey): there is no \(secretKey), whose place it could take")
        }
        let knownSecrets: [AppSecret?] = secrets.isEmpty ? [nil] : secrets
        let credentials = knownSecrets.map { secret in
            var accountKit = settings.accountKitSettings(id: id, secret: secret)
            accountKit.apiVersion = apiVersion
            accountKit.acceptAnswersWithoutApplication = acceptsAnswersWithoutApplication
            return accountKit
        }
        for problem in credentials.flatMap(\.problemsOfApplication) {
            // A secret that could not be read is not to be called missing as well.
            if problem == .acceptingWithoutSecret, !problems.isEmpty { continue }
            let line = "\(name): \(problem)"
            if !problems.contains(line) { problems.append(line) }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return ServedApplication(id: id, credentials: credentials)
    }
}

extension DoormandSettings {
    /// The applications that are served, at least one, each with an id of its own.
    ///
    /// - Throws: ``ConfigurationError`` that says all that is wrong with them, in one go.
    func applications() throws(ConfigurationError) -> [ServedApplication] {
        var problems: [String] = []
        var entries: [ApplicationEntry] = []
        if applicationsFile.isEmpty {
            entries = applicationID.isEmpty ? [] : [onlyApplication]
            if entries.isEmpty {
                problems.append(
                    "account-kit.application-id is required, or account-kit.applications-file for several: without it a token made "
                        + "for any app would be taken for one of yours")
            }
        } else {
            problems += settingsAtOddsWithTheFile
            do throws(ConfigurationError) {
                let file = try ApplicationsFile(applicationsFile, apiVersion: apiVersion)
                entries = file.entries
                problems += file.problems
            } catch {
                problems += error.problems
            }
        }
        var applications: [ServedApplication] = []
        for entry in entries {
            do throws(ConfigurationError) {
                applications.append(try entry.application(self))
            } catch {
                problems += error.problems
            }
        }
        problems += accountKitSettings(id: "0", secret: nil).problemsOfProvider.map { "account-kit: \($0)" }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return applications
    }

    private var onlyApplication: ApplicationEntry {
        var entry = ApplicationEntry(
            apiVersion: apiVersion, name: "account-kit", keyPrefix: "account-kit.", secretKey: "app-secret-file",
            nextSecretKey: "next-app-secret-file")
        entry.id = applicationID
        entry.secretFile = appSecretFile
        entry.nextSecretFile = nextAppSecretFile
        entry.acceptsAnswersWithoutApplication = acceptAnswersWithoutApplication
        return entry
    }

    /// What is said of one application beside a file that says it of all.
    private var settingsAtOddsWithTheFile: [String] {
        [
            ("application-id", !applicationID.isEmpty), ("app-secret-file", !appSecretFile.isEmpty),
            ("next-app-secret-file", !nextAppSecretFile.isEmpty),
            ("accept-answers-without-application", acceptAnswersWithoutApplication),
        ]
        .filter(\.1)
        .map { "account-kit.\($0.0): is for a single application; with account-kit.applications-file, say it there" }
    }

    /// What all applications have in common, and these two.
    fileprivate func accountKitSettings(id: String, secret: AppSecret?) -> AccountKitSettings {
        var accountKit = AccountKitSettings(application: .init(id: id, secret: secret))
        accountKit.baseURL = baseURL
        accountKit.maximumTokenBytes = maximumTokenBytes
        accountKit.maximumCodeBytes = maximumCodeBytes
        return accountKit
    }
}
