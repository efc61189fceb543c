internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import RedisStore

/// A setting: its key, its meaning, and how its value is parsed and formatted.
///
/// The key `server.frame-timeout` is `--server-frame-timeout` as a flag, `DOORMAN_SERVER_FRAME_TIMEOUT` in the environment, and
/// `frame-timeout` under `server` in the file.
struct Setting: Sendable {
    typealias Path<Value> = WritableKeyPath<DoormandSettings, Value> & Sendable

    let key: String
    let summary: String
    /// The form of the value in a settings file.
    let form: ValueForm
    /// How likely an operator changes the setting.
    private(set) var tier = Tier.expert
    /// Formats the value as text that ``apply`` parses.
    let read: @Sendable (DoormandSettings) -> String
    /// Formats the value for people: as ``read`` does, without what may be a secret.
    private(set) var show: @Sendable (DoormandSettings) -> String
    /// Parses the text and sets the value.
    let apply: @Sendable (String, inout DoormandSettings) throws(InvalidValueError) -> Void
    /// Copies the value from the first settings to the second.
    let copy: @Sendable (DoormandSettings, inout DoormandSettings) -> Void

    /// How likely an operator changes a setting. `--help` shows the first two tiers, `--help-all` all.
    enum Tier: Sendable {
        /// A server needs it, or lacks a function without it.
        case mustSet
        /// The right value depends on the service.
        case tune
        /// The default is right for nearly every service.
        case expert
    }

    /// Whether the value is a list. Its items are separate values, or one value with commas.
    var isList: Bool { form == .users || form == .list }

    /// The first part of the key, which is the subject.
    var group: Substring { key.prefix { $0 != "." } }

    /// The default value as text.
    var defaultText: String { read(DoormandSettings()) }

    var flag: String { "--" + key.map { $0 == "." ? "-" : $0 } }

    var environmentVariable: String {
        "DOORMAN_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 }
    }

    /// Returns this setting in a tier.
    func tier(_ tier: Tier) -> Setting {
        var setting = self
        setting.tier = tier
        return setting
    }

    /// All names of the setting, for messages.
    var names: String { "\(key) (\(flag), \(environmentVariable))" }

    private init<Value>(
        _ key: String, _ path: any Path<Value>, _ summary: String, form: ValueForm,
        write: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) throws(InvalidValueError) -> Value
    ) {
        self.key = key
        self.summary = summary
        self.form = form
        self.read = { write($0[keyPath: path]) }
        self.show = read
        self.apply = { (text: String, settings: inout DoormandSettings) throws(InvalidValueError) in
            settings[keyPath: path] = try parse(text)
        }
        self.copy = { $1[keyPath: path] = $0[keyPath: path] }
    }

    /// Makes a setting like another, with other texts.
    private init(
        _ other: Setting, read: @escaping @Sendable (DoormandSettings) -> String,
        apply: @escaping @Sendable (String, inout DoormandSettings) throws(InvalidValueError) -> Void
    ) {
        (key, summary, form, copy) = (other.key, other.summary, other.form, other.copy)
        (self.read, show) = (read, read)
        self.apply = apply
    }

    /// - Parameter pattern: The regular expression of values that are not empty, for editors. The program itself checks the whole value.
    static func text(_ key: String, _ path: any Path<String>, pattern: String? = nil, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .text(pattern: pattern), write: { $0 }, parse: { $0 })
    }

    /// Makes a setting for a decimal number that is a name, not a quantity.
    static func id(_ key: String, _ path: any Path<String>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .id, write: { $0 }, parse: { $0 })
    }

    /// Makes a setting for a path whose absence opens the server. Empty text is an error, because a variable that is not set would remove
    /// the protection. The word `none` turns it off.
    static func pathOrNone(_ key: String, _ path: any Path<String>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .pathOrNone, write: { $0.isEmpty ? none : $0 }) { text throws(InvalidValueError) in
            guard !text.isEmpty else { throw InvalidValueError("must not be empty: write a path, or none") }
            return text == none ? "" : text
        }
    }

    /// The word that turns a protection off.
    private static let none = "none"

    /// Makes a setting for a URL without credentials, or for a name that is mostly a URL.
    static func urlOrName(_ key: String, _ path: any Path<String>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .text(pattern: nil), write: { $0 }) { text throws(InvalidValueError) in
            if let problem = SettingURL.problem(of: text) { throw InvalidValueError(problem) }
            return text
        }.hidingQuery()
    }

    private func hidingQuery() -> Setting {
        var setting = self
        setting.show = { [read] in SettingURL.shown(read($0)) }
        return setting
    }

    /// Makes a setting for the URL of a proxy without credentials.
    static func proxy(_ key: String, _ path: any Path<String>, _ summary: String) -> Setting {
        url(key, path, rejectedScheme: "https", summary) { ProxyURL.isPossible($0) }
    }

    /// Makes a setting for a URL without credentials. Arguments, environments and `--print-config` would show a password.
    ///
    /// - Parameters:
    ///   - rejectedScheme: A scheme that the URL must not have.
    ///   - isPossible: Returns whether the text can be used. By default every text can.
    static func url(
        _ key: String, _ path: any Path<String>, rejectedScheme: String? = nil, _ summary: String,
        isPossible: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Setting {
        Setting(key, path, summary, form: .text(pattern: "^[^@]*$"), write: { $0 }) { text throws(InvalidValueError) in
            guard !text.contains("@") else { throw InvalidValueError("must not contain a user name or password") }
            if let problem = SettingURL.problem(of: text) { throw InvalidValueError(problem) }
            if let rejectedScheme, text.lowercased().hasPrefix(rejectedScheme + ":") {
                throw InvalidValueError("must not be an \(rejectedScheme):// URL")
            }
            guard isPossible(text) else { throw InvalidValueError("must be http://HOST:PORT or socks5://HOST:PORT") }
            return text
        }.hidingQuery()
    }

    /// Makes a setting for a power of two.
    static func powerOfTwo(_ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .count(range), write: { "\($0)" }) { text throws(InvalidValueError) in
            let count = try Units.count(text, in: range)
            guard count.nonzeroBitCount == 1 else { throw InvalidValueError("must be a power of two") }
            return count
        }
    }

    static func flag(_ key: String, _ path: any Path<Bool>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .flag, write: { "\($0)" }, parse: Units.flag)
    }

    static func count(_ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .count(range), write: { "\($0)" }) { text throws(InvalidValueError) in
            try Units.count(text, in: range)
        }
    }

    static func bytes(_ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .bytes, write: Units.write(bytes:)) { text throws(InvalidValueError) in
            try Units.bytes(text, in: range)
        }
    }

    static func bytes(_ key: String, _ path: any Path<UInt32>, _ range: ClosedRange<Int>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .bytes, write: { Units.write(bytes: Int($0)) }) { text throws(InvalidValueError) in
            UInt32(clamping: try Units.bytes(text, in: range))
        }
    }

    static func duration(
        _ key: String, _ path: any Path<Duration>, _ range: ClosedRange<Duration>, _ summary: String
    ) -> Setting {
        Setting(key, path, summary, form: .duration, write: DurationText.write) { text throws(InvalidValueError) in
            try Units.duration(text, in: range)
        }
    }

    /// Makes a setting for a duration that follows from other settings if it is `nil`, which the word `auto` means.
    static func durationOrAuto(
        _ key: String, _ path: any Path<Duration?>, _ range: ClosedRange<Duration>, _ summary: String
    ) -> Setting {
        let auto = "auto"
        return Setting(key, path, summary, form: .durationOrAuto, write: { $0.map(DurationText.write) ?? auto }) {
            text throws(InvalidValueError) in
            text == auto ? nil : try Units.duration(text, in: range)
        }
    }

    /// Makes a setting for the addresses of a store, which are comma-separated in a flag or a variable. None can hold a password.
    static func stores(_ key: String, _ path: any Path<[StoreAddress]>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .list, write: { $0.map(\.url).joined(separator: ",") }) {
            text throws(InvalidValueError) in
            try text.split(separator: ",").map { url throws(InvalidValueError) in
                do throws(StoreAddress.ParseError) {
                    return try StoreAddress(url: String(url))
                } catch {
                    throw InvalidValueError("has an address that can't be used: \(error)")
                }
            }
        }
    }

    /// Makes a setting for a percentage that the program holds as a fraction, 1 for 100%.
    static func percentage(_ key: String, _ path: any Path<Double>, _ range: ClosedRange<Double>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .percentage, write: Units.write(fraction:)) { text throws(InvalidValueError) in
            try Units.fraction(text, in: range)
        }
    }

    /// Makes a setting for a percentage that the program holds as a whole number, 100 for 100%.
    static func percentage(_ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .percentage, write: { "\($0)%" }) { text throws(InvalidValueError) in
            try Units.percentage(text, in: range)
        }
    }

    /// Makes a setting for a set of users of a Unix socket, as comma-separated names.
    static func users(_ key: String, _ path: any Path<Set<Caller>>, _ summary: String) -> Setting {
        let write = { @Sendable (users: Set<Caller>) in users.sorted().map(\.name).joined(separator: ",") }
        let all = Setting(key, path, summary, form: .users, write: write) { text throws(InvalidValueError) in
            var users: Set<Caller> = []
            for name in text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
                guard name.hasPrefix("uid:"), let user = Caller(parsing: name) else {
                    throw InvalidValueError("must be comma-separated users, uid:NUMBER, for example uid:1000, or none")
                }
                users.insert(user)
            }
            return users
        }
        // Empty text is an error for the same reason as in `pathOrNone`.
        let read = all.read
        return Setting(
            all, read: { read($0).isEmpty ? none : read($0) },
            apply: { (text: String, settings: inout DoormandSettings) throws(InvalidValueError) in
                guard !text.isEmpty else { throw InvalidValueError("must not be empty: write users, or none") }
                try all.apply(text == none ? "" : text, &settings)
            })
    }

    /// Makes a setting for a list of texts, which are comma-separated in a flag or a variable.
    static func list(_ key: String, _ path: any Path<[String]>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .list, write: { $0.joined(separator: ",") }) { text in
            text.split(separator: ",").map(String.init)
        }
    }

    /// Makes a setting for a set of words, at least one.
    static func choices<Choice: CaseIterable & Hashable & RawRepresentable<String> & Sendable>(
        _ key: String, _ path: any Path<Set<Choice>>, _ summary: String
    ) -> Setting {
        let write = { @Sendable (chosen: Set<Choice>) in
            Choice.allCases.filter(chosen.contains).map(\.rawValue).joined(separator: ",")
        }
        return Setting(key, path, summary, form: .list, write: write) { text throws(InvalidValueError) in
            var chosen: Set<Choice> = []
            for word in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let choice = Choice(rawValue: String(word)) else {
                    let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
                    throw InvalidValueError("must be a comma-separated list of \(words), at least one")
                }
                chosen.insert(choice)
            }
            return chosen
        }
    }

    /// Makes a setting for the permissions of a file, in octal.
    static func mode(_ key: String, _ path: any Path<UInt32>, _ summary: String) -> Setting {
        Setting(key, path, summary, form: .mode, write: Units.write(mode:), parse: Units.mode)
    }

    /// Makes a setting for one of a few words that are held as text.
    static func word(_ key: String, _ path: any Path<String>, _ words: [String], _ summary: String) -> Setting {
        Setting(key, path, summary, form: .words(words), write: { $0 }) { text throws(InvalidValueError) in
            guard words.contains(text) else { throw InvalidValueError("must be one of " + words.joined(separator: ", ")) }
            return text
        }
    }

    /// Makes a setting for one of a few words.
    static func choice<Choice: CaseIterable & RawRepresentable<String> & Sendable>(
        _ key: String, _ path: any Path<Choice>, _ summary: String
    ) -> Setting {
        let words = Choice.allCases.map(\.rawValue)
        return Setting(key, path, summary, form: .words(words), write: { $0.rawValue }) { text throws(InvalidValueError) in
            guard let choice = Choice(rawValue: text) else {
                throw InvalidValueError("must be one of " + words.joined(separator: ", "))
            }
            return choice
        }
    }
}

/// A value that a setting does not accept. The error does not hold the value, which may be a secret.
struct InvalidValueError: Error {
    /// A phrase that follows the setting's name, such as `must be true or false`.
    let expectation: String

    init(_ expectation: String) {
        self.expectation = expectation
    }
}

extension StoreAddress {
    /// The text that ``init(url:)`` parses.
    var url: String { (usesTLS ? "rediss://" : "redis://") + "\(address)" }
}
