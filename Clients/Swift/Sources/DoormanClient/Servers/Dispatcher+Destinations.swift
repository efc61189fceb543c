internal import DoormanCore

// The calls for one server each, which together reach every server. Another server's response is no substitute.

extension Dispatcher {
    /// Puts calls back that waited before.
    func putBack(_ calls: [ClientCall]) {
        waiting.putBack(calls.filter { $0.destination == nil })
        destined += calls.filter { $0.destination != nil }
    }

    /// Sends the waiting calls with a destination, and ends those that wait in vain.
    func sendDestined() {
        guard !destined.isEmpty else { return }
        let calls = destined
        destined = []
        for call in calls where call.isLive {
            switch call.destination {
            case .server(let server)?: sendWhenReady(call, to: server)
            case .servers(let target)?: finishWhenKnown(call, target)
            case nil: break
            }
        }
        notifyListeners()
    }

    func choose(for destination: ClientCall.Destination) -> Subchannel? {
        guard case .server(let server) = destination else { return nil }
        return ready.first { $0.server == server && $0.hasCapacity }
    }

    func isAnyReady(besides server: Server) -> Bool {
        ready.contains { $0.server != server }
    }

    /// Ends the waiting calls for a server that can't be reached. They keep waiting while no other server can be reached either, as calls
    /// for any server do.
    func endCalls(for server: Server, _ failure: ConnectFailure) {
        guard isAnyReady(besides: server), !ready.contains(where: { $0.server == server }) else { return }
        for call in destined {
            guard case .server(server)? = call.destination else { continue }
            finish(call, .unreachable(server.description, failure))
        }
    }

    private func sendWhenReady(_ call: ClientCall, to server: Server) {
        let own = subchannels.filter { $0.server == server && $0.state != .closed }
        guard !own.isEmpty else { return finish(call, .unreachable(server.description, .notInUse)) }
        guard let subchannel = own.first(where: { $0.isReady && $0.hasCapacity }) else {
            destined.append(call)
            for subchannel in own where !subchannel.isReady { subchannel.requestConnection() }
            return
        }
        send(call, to: subchannel, at: time.now)
    }

    private func finishWhenKnown(_ call: ClientCall, _ target: DoormanTarget) {
        if case .failed? = servers.lookUp(of: target) { lookUpIfDue(afterFailure: true, at: time.now) }
        switch servers.lookUp(of: target) {
        case .found(let found)?:
            call.foundServers = found
            finishSoon(call)
        case .failed(let failure)? where !ready.isEmpty: finish(call, .unreachable(target.description, failure))
        case .failed?, nil: destined.append(call)
        }
    }
}
