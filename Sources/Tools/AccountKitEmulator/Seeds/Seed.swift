private import DoormanFiles
private import DoormanSupport
private import FoundationEssentials

/// The seed file, which lists the apps and accounts that exist at the start:
///
///     {
///       "apps": [
///         {
///           "id": "5432154321543210",                        15 or 16 decimal digits
///           "secret": "0123456789abcdef0123456789abcdef",    32 lowercase hexadecimal characters
///           "require_app_secret": true,                      optional, default true
///           "client_access_token_flow": true,                optional, default true
///           "application_in_v1_0": false,                    optional, default false
///           "accounts": [                                    optional
///             {"id": "1011166682335378", "phone": "+15879994455", "country_prefix": "1", "tokens": ["EMAWtesttoken0001"]},
///             {"id": "1011166682335379", "email": "test@example.com"}
///           ]
///         }
///       ]
///     }
///
/// An account has a phone or an e-mail; `country_prefix` (see ``Contact/PhoneNumber``) and `tokens` are optional. An unknown key is
/// an error, so that a misspelt key does not turn into a default.
package enum Seed {
    private static let maximumBytes = 64 << 20

    /// Reads the apps from a file.
    ///
    /// - Throws: ``SeedError`` with file, key and cause. It never quotes a value, which may be a secret.
    package static func apps(file: String) throws(SeedError) -> [EmulatorSettings.App] {
        // Another path may be a secret in the wrong place.
        let name = EchoedText.path(file) ?? "the seed file"
        let bytes: [UInt8]
        do throws(FileAccessError) {
            bytes = try RegularFile.read(file, limit: maximumBytes)
        } catch {
            throw SeedError(file: name, key: "", problem: "can't be read: \(error.cause)")
        }
        guard bytes.count <= maximumBytes else { throw SeedError(file: name, key: "", problem: "is longer than 64 MiB") }
        return try apps(json: bytes, file: name)
    }

    /// Reads the apps from the text of a file.
    ///
    /// - Parameter file: The file's name for errors.
    package static func apps(json: [UInt8], file: String = "seed") throws(SeedError) -> [EmulatorSettings.App] {
        let seed: SeedFile
        do {
            seed = try JSONDecoder().decode(SeedFile.self, from: Data(json))
        } catch let error as DecodingError {
            throw SeedError(file: file, error)
        } catch {
            throw SeedError(file: file, key: "", problem: "is not JSON")
        }
        guard !seed.apps.isEmpty else { throw SeedError(file: file, key: "apps", problem: "must name at least one app") }
        var apps: [EmulatorSettings.App] = []
        for (index, app) in seed.apps.enumerated() {
            do throws(SeedProblem) {
                apps.append(try app.settings())
            } catch {
                throw SeedError(file: file, key: "apps[\(index)].\(error.key)", problem: error.problem)
            }
        }
        do throws(EmulatorError) {
            _ = try Directory(apps: apps, limits: .init())
        } catch {
            throw SeedError(file: file, key: "apps", problem: error.message)
        }
        return apps
    }
}

/// An error in a seed file, with the key that it concerns.
package struct SeedError: Error, Sendable, Hashable, CustomStringConvertible {
    package let file: String
    /// The path of the value, such as `apps[0].secret`; empty for the whole file.
    package let key: String
    package let problem: String

    package var description: String { key.isEmpty ? "\(file): \(problem)" : "\(file): \(key): \(problem)" }
}

extension SeedError {
    fileprivate init(file: String, _ error: DecodingError) {
        let context: DecodingError.Context
        let problem: String
        var extra: [any CodingKey] = []
        switch error {
        case .keyNotFound(let key, let details): (context, problem, extra) = (details, "is missing", [key])
        case .typeMismatch(let type, let details): (context, problem) = (details, "must be \(Self.name(of: type))")
        case .valueNotFound(let type, let details): (context, problem) = (details, "must be \(Self.name(of: type)), not null")
        case .dataCorrupted(let details):
            // Only the check for unknown keys describes data inside the file as corrupted.
            (context, problem) = (details, details.codingPath.isEmpty ? "is not JSON" : details.debugDescription)
        @unknown default: (context, problem) = (DecodingError.Context(codingPath: [], debugDescription: ""), "can't be decoded")
        }
        var path = ""
        for key in context.codingPath + extra {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                // An unknown key may hold a secret.
                path += (path.isEmpty ? "" : ".") + EchoedText.name(key.stringValue)
            }
        }
        self.init(file: file, key: path, problem: problem)
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is [Any].Type: "a list"
        default: "an object"
        }
    }
}
