internal import DoormanSupport

/// The decoded seed file. ``Seed`` converts it to settings.
struct SeedFile: Decodable {
    let apps: [App]

    struct App: Decodable {
        let id: String
        let secret: String
        let requiresAppSecret: Bool?
        let enablesClientAccessTokenFlow: Bool?
        let namesApplicationInFirstVersion: Bool?
        let accounts: [Account]?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case id, secret, accounts
            case requiresAppSecret = "require_app_secret"
            case enablesClientAccessTokenFlow = "client_access_token_flow"
            case namesApplicationInFirstVersion = "application_in_v1_0"
        }

        init(from decoder: any Decoder) throws {
            try rejectUnknownKeys(in: decoder, CodingKeys.self)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decode(String.self, forKey: .id)
            secret = try values.decode(String.self, forKey: .secret)
            requiresAppSecret = try values.decodeIfPresent(Bool.self, forKey: .requiresAppSecret)
            enablesClientAccessTokenFlow = try values.decodeIfPresent(Bool.self, forKey: .enablesClientAccessTokenFlow)
            namesApplicationInFirstVersion = try values.decodeIfPresent(Bool.self, forKey: .namesApplicationInFirstVersion)
            accounts = try values.decodeIfPresent([Account].self, forKey: .accounts)
        }
    }

    struct Account: Decodable {
        let id: String
        let phone: String?
        let countryPrefix: String?
        let email: String?
        let tokens: [String]?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case id, phone, email, tokens
            case countryPrefix = "country_prefix"
        }

        init(from decoder: any Decoder) throws {
            try rejectUnknownKeys(in: decoder, CodingKeys.self)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decode(String.self, forKey: .id)
            phone = try values.decodeIfPresent(String.self, forKey: .phone)
            countryPrefix = try values.decodeIfPresent(String.self, forKey: .countryPrefix)
            email = try values.decodeIfPresent(String.self, forKey: .email)
            tokens = try values.decodeIfPresent([String].self, forKey: .tokens)
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case apps
    }

    init(from decoder: any Decoder) throws {
        try rejectUnknownKeys(in: decoder, CodingKeys.self)
        apps = try decoder.container(keyedBy: CodingKeys.self).decode([App].self, forKey: .apps)
    }
}

/// An invalid value of a seed file.
struct SeedProblem: Error {
    /// The path of the value from its app.
    let key: String
    let problem: String
}

extension SeedFile.App {
    func settings() throws(SeedProblem) -> EmulatorSettings.App {
        guard (15...16).contains(id.utf8.count), id.utf8.allSatisfy(\.isASCIIDigit) else {
            throw SeedProblem(key: "id", problem: "must be 15 or 16 decimal digits")
        }
        guard secret.utf8.count == 32, secret.utf8.allSatisfy({ $0.isASCIIDigit || (0x61...0x66).contains($0) }) else {
            throw SeedProblem(key: "secret", problem: "must be 32 lowercase hexadecimal characters")
        }
        var settings = EmulatorSettings.App(
            id: id, secret: secret, requiresAppSecret: requiresAppSecret ?? true,
            enablesClientAccessTokenFlow: enablesClientAccessTokenFlow ?? true,
            namesApplicationInFirstVersion: namesApplicationInFirstVersion ?? false)
        for (index, account) in (accounts ?? []).enumerated() {
            do throws(SeedProblem) {
                settings.accounts.append(try account.settings())
            } catch {
                throw SeedProblem(key: "accounts[\(index)].\(error.key)", problem: error.problem)
            }
        }
        return settings
    }
}

extension SeedFile.Account {
    fileprivate func settings() throws(SeedProblem) -> EmulatorSettings.Account {
        guard (1...20).contains(id.utf8.count), id.utf8.allSatisfy(\.isASCIIDigit) else {
            throw SeedProblem(key: "id", problem: "must be decimal digits, 20 at most")
        }
        for (index, token) in (tokens ?? []).enumerated() {
            guard token.hasPrefix("EMAW"), token.utf8.count <= 1024, token.utf8.allSatisfy(\.isASCIIAlphanumeric) else {
                throw SeedProblem(key: "tokens[\(index)]", problem: "must be EMAW and letters and digits, 1024 at most")
            }
        }
        return EmulatorSettings.Account(id: id, contact: try contact(), tokens: tokens ?? [])
    }

    private func contact() throws(SeedProblem) -> Contact {
        do throws(EmulatorError) {
            switch (phone, email) {
            case (let phone?, nil): return .phone(try Contact.PhoneNumber(phone, countryPrefix: countryPrefix))
            case (nil, let email?): return try .email(checking: email)
            default: throw EmulatorError(.badArgument, "phone, email: exactly one of them must be given")
            }
        } catch {
            let parts = error.message.split(separator: ":", maxSplits: 1)
            throw SeedProblem(key: String(parts[0]), problem: String(parts[1].dropFirst()))
        }
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private func rejectUnknownKeys<Keys: CodingKey & CaseIterable & RawRepresentable<String>>(
    in decoder: any Decoder, _ known: Keys.Type
) throws {
    let names = known.allCases.map(\.rawValue)
    for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !names.contains(key.stringValue) {
        throw DecodingError.dataCorrupted(
            DecodingError.Context(
                codingPath: decoder.codingPath + [key],
                debugDescription: "is not known; known are \(names.sorted().joined(separator: ", "))"))
    }
}
