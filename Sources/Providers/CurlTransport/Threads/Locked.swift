private import Glibc

/// A value that only one thread at a time can touch: a pthread mutex around it.
///
/// This room imports no package, and the standard library's `Mutex` makes ThreadSanitizer report races that aren't.
/// `@unchecked` because the compiler can't see that ``withLock(_:)`` is the only way in, and that it excludes.
@safe final class Locked<State>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    init(_ state: sending State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let result = unsafe pthread_mutex_init(mutex, nil)
        precondition(result == 0, "pthread_mutex_init failed")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Changes the state. The body must be short, and must neither wait nor call anybody back.
    func withLock<Result>(_ body: (inout State) -> sending Result) -> sending Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&state)
    }
}
