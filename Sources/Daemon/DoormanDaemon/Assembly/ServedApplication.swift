internal import AccountKit
internal import GraphAPI

/// An application whose tokens this server verifies.
struct ServedApplication: Sendable, Hashable {
    let id: String
    /// The settings for each secret, which differ only in the secret. There is one, or two during a rotation, the current secret first.
    let credentials: [AccountKitSettings]
    /// The paths of the files that hold the secrets.
    let secretFiles: [String]

    /// The secret of each credential. `nil` for a credential without a secret.
    var secrets: [AppSecret?] { credentials.map(\.application.secret) }

    /// Returns this application with the secrets of another.
    func withSecrets(of other: ServedApplication) -> ServedApplication {
        let credentials = other.secrets.map { secret in
            var credential = self.credentials[0]
            credential.application.secret = secret
            return credential
        }
        return ServedApplication(id: id, credentials: credentials, secretFiles: other.secretFiles)
    }

    /// Whether requests carry a proof, which needs a secret.
    var hasSecret: Bool { credentials.contains { $0.application.secret != nil } }
    var acceptsAnswersWithoutApplication: Bool { credentials.contains { $0.acceptAnswersWithoutApplication } }
}

/// The configuration of one application, from the settings or from an entry of the applications file.
struct ApplicationEntry: Sendable {
    var id = ""
    /// The path of the secret's file. Empty for none.
    var secretFile = ""
    /// The path of the second secret's file during a rotation. Empty for none.
    var nextSecretFile = ""
    var apiVersion: String
    var acceptsAnswersWithoutApplication = false

    /// The folder from which relative paths were resolved; `nil` for the working directory.
    var folder: String?
    /// The prefix of messages about the entry as a whole.
    let name: String
    /// The prefix of messages about one key of the entry.
    let keyPrefix: String
    let idKey: String
    let secretKey: String
    let nextSecretKey: String

    /// The key of a setting where this entry is configured.
    private func key(of problem: AccountKitSettings.Invalid) -> String {
        switch problem.key {
        case .applicationID: idKey
        case .appSecret: secretKey
        case .acceptAnswersWithoutApplication, .apiVersion, .baseURL, .maximumTokenBytes, .maximumCodeBytes: problem.key.rawValue
        }
    }

    /// Reads the secrets and checks the entry.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of this application.
    func application(_ settings: DoormandSettings) throws(ConfigurationError) -> ServedApplication {
        var problems: [String] = []
        var secrets: [AppSecret] = []
        for (key, path) in [(secretKey, secretFile), (nextSecretKey, nextSecretFile)] where !path.isEmpty {
            do throws(ConfigurationError) {
                let secret = try AppSecretFile.read(path, in: folder, for: keyPrefix + key)
                // At the end of a rotation both files may hold the new secret.
                if !secrets.contains(secret) { secrets.append(secret) }
            } catch {
                problems += error.problems
            }
        }
        if secretFile.isEmpty, !nextSecretFile.isEmpty {
            problems.append("\(keyPrefix)\(nextSecretKey) needs \(secretKey), which is missing")
        }
        let knownSecrets: [AppSecret?] = secrets.isEmpty ? [nil] : secrets
        let credentials = knownSecrets.map { secret in
            var accountKit = settings.accountKitSettings(id: id, secret: secret)
            accountKit.apiVersion = apiVersion
            accountKit.acceptAnswersWithoutApplication = acceptsAnswersWithoutApplication
            return accountKit
        }
        for problem in credentials.flatMap(\.problemsOfApplication) {
            // A secret that could not be read is not reported as missing, too.
            if problem == .acceptingWithoutSecret, !problems.isEmpty { continue }
            let line = "\(keyPrefix)\(key(of: problem)) \(problem.expectation)"
            if !problems.contains(line) { problems.append(line) }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return ServedApplication(
            id: id, credentials: credentials, secretFiles: [secretFile, nextSecretFile].filter { !$0.isEmpty })
    }
}

extension DoormandSettings {
    /// Returns the served applications: at least one, with unique ids.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of all applications.
    func applications() throws(ConfigurationError) -> [ServedApplication] {
        var problems: [String] = []
        var entries: [ApplicationEntry] = []
        if applicationsFile.isEmpty {
            entries = applicationID.isEmpty ? [] : [singleApplication]
            if entries.isEmpty {
                problems.append(
                    "account-kit.application-id is required, or account-kit.applications-file for several applications: without it, "
                        + "tokens of every application would be accepted")
            }
        } else {
            problems += conflictsWithApplicationsFile
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
        if baseURL.isEmpty {
            problems.append(Self.missingProvider)
        } else {
            problems += accountKitSettings(id: "0", secret: nil).problemsOfProvider.map { "account-kit.\($0)" }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return applications
    }

    private static let missingProvider =
        "account-kit.base-url is required: no provider is set. Set --account-kit-base-url, DOORMAN_ACCOUNT_KIT_BASE_URL, or base-url "
        + "under account-kit in the settings file, for example https://graph.example.org. account-kit-emulator listens on "
        + "http://127.0.0.1:7118"

    private var singleApplication: ApplicationEntry {
        var entry = ApplicationEntry(
            apiVersion: apiVersion, name: "account-kit", keyPrefix: "account-kit.", idKey: "application-id",
            secretKey: "app-secret-file",
            nextSecretKey: "next-app-secret-file")
        entry.id = applicationID
        entry.secretFile = appSecretFile
        entry.nextSecretFile = nextAppSecretFile
        entry.acceptsAnswersWithoutApplication = acceptAnswersWithoutApplication
        return entry
    }

    /// Problems with settings of a single application beside an applications file.
    private var conflictsWithApplicationsFile: [String] {
        [
            ("application-id", !applicationID.isEmpty), ("app-secret-file", !appSecretFile.isEmpty),
            ("next-app-secret-file", !nextAppSecretFile.isEmpty),
            ("accept-answers-without-application", acceptAnswersWithoutApplication),
        ]
        .filter(\.1)
        .map { "account-kit.\($0.0) cannot be combined with account-kit.applications-file: set it in that file instead" }
    }

    /// Returns the settings that all applications share, with this id and secret.
    fileprivate func accountKitSettings(id: String, secret: AppSecret?) -> AccountKitSettings {
        var accountKit = AccountKitSettings(application: .init(id: id, secret: secret))
        accountKit.baseURL = baseURL
        accountKit.maximumTokenBytes = maximumTokenBytes
        accountKit.maximumCodeBytes = maximumCodeBytes
        return accountKit
    }
}
