internal import DoormanCore
package import DoormanSupport

/// Whom a rule is for: one caller, or all whose names end or begin in one way.
package enum CallerPattern: Sendable, Hashable {
    /// Everybody, even one of whom nothing is known.
    case any
    case one(Caller)
    /// All whose name goes on after this, which ends in a slash: `uri:spiffe://example.org/web/`.
    case uris(beginning: String)
    /// All whose name has more before this, which begins with a dot: `.billing.internal`.
    case dnsNames(ending: String)
    /// Every process of this machine, whatever its user: behind a Unix socket, or at a loopback address.
    case local

    package static let forms =
        "any, \(Caller.forms), uri:…/* or dns:*.… for all that begin or end so, and local for all of this machine"

    /// Reads a pattern as an operator writes it: what ``Caller/init(parsing:)`` reads, `any`, `local`, a URI with `/*` at its end, a
    /// DNS name with `*.` at its beginning, which stands for one part or several.
    ///
    /// - Returns: Nil for any other text.
    package init?(parsing text: String) {
        if text == "any" {
            self = .any
        } else if text == "local" {
            self = .local
        } else if text.hasPrefix("uri:"), text.hasSuffix("/*") {
            // A name that it would be true of is how the rest is checked.
            guard let sample = Caller(parsing: text.dropLast() + "x"), !sample.name.contains("*") else { return nil }
            self = .uris(beginning: String(sample.name.dropLast()))
        } else if text.hasPrefix("dns:*.") {
            guard let parent = Caller(parsing: "dns:" + text.dropFirst(6)) else { return nil }
            self = .dnsNames(ending: "." + parent.name.dropFirst(4))
        } else {
            // A star that stands for nothing here would not be taken for one.
            guard !text.contains("*"), let caller = Caller(parsing: text) else { return nil }
            self = .one(caller)
        }
    }

    /// Whether the caller is one of these.
    package func matches(_ caller: Caller) -> Bool {
        switch self {
        case .any: true
        case .local: caller.name.hasPrefix("uid:") || caller.name.hasPrefix("ip:127.") || caller.name == "ip:::1"
        case .one(let other): caller == other
        case .uris(let beginning): caller.name.utf8.count > beginning.utf8.count && caller.name.hasPrefix(beginning)
        case .dnsNames(let ending):
            caller.name.hasPrefix("dns:") && caller.name.hasSuffix(ending)
                && caller.name.utf8.count > ending.utf8.count + "dns:".utf8.count
        }
    }
}
