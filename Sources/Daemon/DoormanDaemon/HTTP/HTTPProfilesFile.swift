internal import DoormanCore
internal import DoormanHTTP
internal import Yams

/// The file that `http.profiles-file` names: a YAML or JSON list with a mapping for each profile.
///
///     - name: orders                      # /profiles/orders/auth; the profile `default` is that of /auth
///       required-scopes: [orders:read]    # default: none
///       application-id: 5432154321543210  # default: any
///       provider: corp                    # default: any
///       headers: [account-id, scopes]     # headers with values, the others are sent empty; default: all
///
/// Reading the file reports all problems at once.
struct HTTPProfilesFile {
    static let setting = "http.profiles-file"
    private static let maximumProfiles = 256
    private static let keys = ["name", "required-scopes", "application-id", "provider", "headers"]

    private(set) var problems: [String] = []
    private var profiles: [String: HTTPProfile] = [:]
    private let providers: Set<String>

    /// The file's profiles. Valid only if ``problems`` is empty.
    var value: HTTPProfiles { HTTPProfiles(profiles) }

    /// - Parameter providers: The names of the providers, to which the profiles may limit tokens.
    /// - Throws: ``ConfigurationError`` if the file cannot be read as a list. Problems of single profiles are in ``problems``.
    init(_ path: String, providers: Set<String>) throws(ConfigurationError) {
        self.providers = providers
        let schema = ListFile.Schema(
            setting: Self.setting, entry: "profile", maximumEntries: Self.maximumProfiles, keys: Self.keys)
        for entry in try ListFile(path, schema).entries { add(entry) }
    }

    private mutating func add(_ entry: ListFile.Entry) {
        problems += entry.problems
        guard let values = entry.values else { return }
        var texts: [String: [String]] = [:]
        for (key, node) in values {
            guard let list = node.listedTexts else {
                problems.append("\(entry.name): \(key) must be a value or a list of values")
                continue
            }
            guard !list.contains("") else {
                problems.append("\(entry.name): \(key) must not be empty: leave out the key, or write a value")
                continue
            }
            texts[key] = list
        }
        var profile = HTTPProfile()
        profile.requirements.scopes = scopes(texts["required-scopes"] ?? [], entry.name)
        profile.requirements.applicationID = single("application-id", texts, entry.name)
        profile.requirements.provider = provider(texts, entry.name)
        if let names = texts["headers"] { profile.headers = headers(names, entry.name) }
        guard let name = name(texts, entry.name) else { return }
        profiles[name] = profile
    }

    private mutating func name(_ texts: [String: [String]], _ place: String) -> String? {
        guard let name = single("name", texts, place) else {
            problems.append("\(place): name is missing")
            return nil
        }
        if let problem = HTTPProfiles.problem(ofName: name) {
            problems.append("\(place): name \(problem)")
            return nil
        }
        if profiles[name] != nil { problems.append("\(place): name is already used by a profile above") }
        return name
    }

    private mutating func single(_ key: String, _ texts: [String: [String]], _ place: String) -> String? {
        guard let values = texts[key] else { return nil }
        guard values.count == 1, values[0].utf8.count <= TokenRequirements.maximumNameBytes else {
            problems.append("\(place): \(key) must be one value of at most \(TokenRequirements.maximumNameBytes) bytes")
            return nil
        }
        return values[0]
    }

    private mutating func scopes(_ scopes: [String], _ place: String) -> [String] {
        let areShort = scopes.allSatisfy { $0.utf8.count <= TokenRequirements.maximumNameBytes }
        if scopes.count > TokenRequirements.maximumScopes || !areShort {
            problems.append(
                "\(place): required-scopes must be at most \(TokenRequirements.maximumScopes) scopes of at most "
                    + "\(TokenRequirements.maximumNameBytes) bytes")
        }
        return scopes
    }

    private mutating func provider(_ texts: [String: [String]], _ place: String) -> String? {
        guard let name = single("provider", texts, place) else { return nil }
        // Every request with the profile would fail.
        if !providers.contains(name) { problems.append("\(place): provider is not the name of a configured provider") }
        return name
    }

    private mutating func headers(_ names: [String], _ place: String) -> Set<IdentityHeader> {
        var headers: Set<IdentityHeader> = []
        for (index, name) in names.enumerated() {
            guard let header = IdentityHeader(rawValue: name) else {
                let known = IdentityHeader.allCases.map(\.rawValue).joined(separator: ", ")
                problems.append("\(place): header \(index + 1) must be one of \(known)")
                continue
            }
            headers.insert(header)
        }
        return headers
    }
}

extension Node {
    /// The text of a scalar, or the texts of a list of scalars; `nil` for anything else.
    fileprivate var listedTexts: [String]? {
        if let text = scalar?.string { return [text] }
        guard let sequence else { return nil }
        let texts = sequence.compactMap(\.scalar?.string)
        return texts.count == sequence.count ? texts : nil
    }
}
