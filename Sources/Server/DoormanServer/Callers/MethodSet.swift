internal import DoormanWire

/// What a caller may call. Whether a server is well anybody may ask.
package struct MethodSet: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let verify = MethodSet(rawValue: 1)
    package static let exchange = MethodSet(rawValue: 2)
    package static let revoke = MethodSet(rawValue: 4)
    /// Listing and deleting accounts.
    package static let accounts = MethodSet(rawValue: 8)
    package static let statistics = MethodSet(rawValue: 16)

    /// Whether the method is one of these.
    func allows(_ method: Method) -> Bool {
        switch method {
        case .verify: contains(.verify)
        case .exchange: contains(.exchange)
        case .revoke: contains(.revoke)
        case .listAccounts, .deleteAccount: contains(.accounts)
        case .statistics: contains(.statistics)
        case .healthCheck: true
        }
    }
}
