internal import DoormanServer

/// The listening sockets that the service manager passed to this process (socket activation). See sd_listen_fds(3).
struct PassedSockets {
    /// The value of a setting that takes the sockets in place of an address.
    static let settingValue = "systemd"
    /// The name of the server's sockets, `FileDescriptorName=` in the socket unit. Other listeners of the process may get other names.
    static let name = "doormand"
    /// The first descriptor of the protocol, `SD_LISTEN_FDS_START`.
    private static let firstDescriptor: Int32 = 3
    private static let maximumCount: Int32 = 64

    /// The process for which the sockets are; `nil` if the variable is missing or malformed.
    let processID: Int32?
    let count: Int32?
    /// The names of the sockets, separated by colons.
    let names: String?
    let ownProcessID: Int32

    /// Returns the sockets for the settings `server.address` and `server.unix-socket`. The family of a socket tells its setting.
    ///
    /// - Throws: ``ConfigurationError`` if a setting gets no socket, if a socket can't be used, or if it has no setting: its clients would
    ///   wait forever.
    func listeners(for settings: DoormandSettings) throws(ConfigurationError) -> [InheritedSocket] {
        let wanted = settings.passedFamilies
        if let problem = activationProblem {
            // The variables of a parent are no mistake unless a setting needs them.
            guard !wanted.isEmpty else { return [] }
            throw ConfigurationError(problems: wanted.map { "\($0.setting): \(problem)" }.sorted())
        }
        var sockets: [InheritedSocket] = []
        var problems: [String] = []
        for (index, name) in socketNames.enumerated() {
            let title = "socket \(index + 1) of the service manager (\(name))"
            guard name == Self.name else {
                problems.append("\(title) must have the name \(Self.name): set FileDescriptorName=\(Self.name) in the socket unit")
                continue
            }
            do throws(InheritedSocket.Failure) {
                let socket = try InheritedSocket(Self.firstDescriptor + Int32(index))
                sockets.append(socket)
                if let problem = Self.problem(with: socket, settings) { problems.append("\(title) \(problem)") }
            } catch {
                problems.append("\(title) \(error)")
            }
        }
        for family in wanted.subtracting(sockets.map(\.family)).sorted(by: { $0.setting < $1.setting }) where problems.isEmpty {
            problems.append(
                "\(family.setting): the service manager passed no such socket: add it to the socket unit, for example \(family.example)"
            )
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return sockets
    }

    /// The reason why there is no socket for this process.
    private var activationProblem: String? {
        guard let count, let processID else {
            return "the service manager passed no socket (LISTEN_FDS and LISTEN_PID are not set): start doormand.socket"
        }
        guard processID == ownProcessID else {
            return "the sockets are for process \(processID) (LISTEN_PID), and this is process \(ownProcessID): "
                + "start doormand from the unit, without a program in between"
        }
        return (0...Self.maximumCount).contains(count) ? nil : "LISTEN_FDS must be at most \(Self.maximumCount)"
    }

    /// The names of the sockets, one per socket.
    private var socketNames: [String] {
        let given = names.map { $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init) } ?? []
        return (0..<Int(count ?? 0)).map { $0 < given.count ? given[$0] : "unknown" }
    }

    /// A phrase that follows the socket's name. `nil` if the settings take the socket.
    private static func problem(with socket: InheritedSocket, _ settings: DoormandSettings) -> String? {
        let setting = socket.family.setting
        guard settings.passedFamilies.contains(socket.family) else {
            return "has no setting that takes it: set \(setting) to \(settingValue), or remove it from the socket unit"
        }
        guard settings.tls.isTLS || settings.server.allowsPlaintextFromNetwork || socket.isLoopback else {
            return "can't be used: \(PlaintextFromNetwork())"
        }
        return nil
    }
}

extension InheritedSocket.Family {
    /// The setting that takes the sockets of the family.
    fileprivate var setting: String {
        switch self {
        case .tcp: "server.address"
        case .unix: "server.unix-socket"
        }
    }

    fileprivate var example: String {
        switch self {
        case .tcp: "ListenStream=127.0.0.1:7117"
        case .unix: "ListenStream=/run/doormand.sock"
        }
    }
}

extension DoormandSettings {
    /// The families whose sockets the service manager opens.
    var passedFamilies: Set<InheritedSocket.Family> {
        var families: Set<InheritedSocket.Family> = []
        if address == PassedSockets.settingValue { families.insert(.tcp) }
        if unixSocket == PassedSockets.settingValue { families.insert(.unix) }
        return families
    }
}
