extension Daemon {
    /// All that a reload may change, and the only place that knows: a further piece is one line here.
    func reloadablePieces(_ rooms: Rooms) -> [ReloadablePiece] {
        [logLevel.piece, rooms.cacheBounds, rooms.callerBudgets, rooms.askers.secrets]
    }

    func settingsInForce(_ rooms: Rooms) -> SettingsInForce {
        SettingsInForce(settings, loader: loader, pieces: reloadablePieces(rooms)) { settings throws(BadSettings) in
            try Self.check(settings)
        }
    }
}
