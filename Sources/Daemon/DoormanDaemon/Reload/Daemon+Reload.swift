internal import DoormanServer

extension Daemon {
    /// All that a reload may change, and the only place that knows: a further piece is one line here.
    func reloadablePieces(_ rooms: Rooms, _ server: DoormanServer) -> [ReloadablePiece] {
        [
            logLevel.piece, rooms.cacheBounds, rooms.callerBudgets, rooms.askers.secrets, server.tlsPiece(time: rooms.time),
            server.policyPiece,
        ]
    }

    func settingsInForce(_ rooms: Rooms, _ server: DoormanServer) -> SettingsInForce {
        SettingsInForce(settings, loader: loader, pieces: reloadablePieces(rooms, server)) { settings throws(BadSettings) in
            try Self.check(settings)
        }
    }
}
