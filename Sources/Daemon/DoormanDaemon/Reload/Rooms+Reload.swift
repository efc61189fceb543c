extension Rooms {
    var cacheBounds: ReloadablePiece {
        ReloadablePiece(
            keys: ["cache.max-entries", "cache.max-bytes", "cache.max-rejected-entries", "cache.max-rejected-bytes"]
        ) { [verifier] settings in
            verifier.limit(valid: settings.cache.valid, rejected: settings.cache.rejected)
        }
    }

    var callerBudgets: ReloadablePiece {
        ReloadablePiece(
            keys: ["caller.misses-per-second", "caller.saved-misses", "caller.max-callers"]
        ) { [missBudgets, time] settings in
            missBudgets.change(to: settings.missBudgets, at: time.now())
        }
    }
}
