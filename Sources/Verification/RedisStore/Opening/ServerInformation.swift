internal import DoormanFleet

/// What a server says about itself: the reply to `INFO`.
struct ServerInformation {
    private var fields: [Substring: Substring] = [:]

    init(_ text: [UInt8]) {
        for line in String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
    }

    /// Why the server can't be used; `nil` if it can.
    var problem: String? {
        if fields["loading"] == "1" { return "the server is loading its data" }
        guard let role = fields["role"], role != "master" else { return nil }
        return "it is a replica, and not the primary"
    }

    /// Returns the server; `nil` if the text lacks what every server says.
    func server(name: String, version: String) -> StoreServer? {
        // A replica that becomes the primary keeps its run id, and gets a new replication id.
        guard let run = fields["run_id"], let replication = fields["master_replid"], fields["role"] != nil else { return nil }
        return StoreServer(
            // Each is random: 64 bits of each tell all processes apart, and keep entries short.
            runID: "\(run.prefix(16))-\(replication.prefix(16))", version: "\(name) \(version)", persistence: persistence,
            evictionPolicy: fields["maxmemory_policy"].map(String.init) ?? "",
            replicas: number("connected_slaves"),
            // A server says it only if min-replicas-to-write is set.
            needsReplicas: fields["min_slaves_good_slaves"] != nil)
    }

    /// `INFO` does not say whether the server makes snapshots. It does say whether there was one since the start: only then a restart keeps
    /// anything. A new server with snapshots counts as one without until then.
    private var persistence: StoreServer.Persistence {
        if fields["aof_enabled"] == "1" { return .appendOnlyFile }
        // Both are 0 at the start; servers before Redis 7 don't say them. The time of the last snapshot begins as that of the start.
        let hasSaved = number("rdb_saves") > 0 || number("rdb_last_load_keys_loaded") > 0
        let start = number("server_time_usec") / 1_000_000 - number("uptime_in_seconds")
        return hasSaved || number("rdb_last_save_time") > start + 2 ? .snapshots : .none
    }

    /// Returns a field's number; 0 if it is missing, negative, or so large that sums could overflow.
    private func number(_ field: Substring) -> Int {
        fields[field].flatMap { Int($0) }.flatMap { (0...Int.max / 2).contains($0) ? $0 : nil } ?? 0
    }
}
