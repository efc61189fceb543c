private import Glibc
private import NIOConcurrencyHelpers

/// The thread that owns libcurl's handles.
///
/// A thread and not a task, since `curl_multi_poll(3)` blocks, and must not block a thread of Swift's cooperative pool.
final class CurlThread: Sendable {
    /// The running thread; `nil` after ``join()``.
    private let thread: NIOLockedValueBox<pthread_t?>

    /// Starts a thread that runs the loop, and releases the loop at its end.
    ///
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if the system can't create a thread.
    init(running loop: sending TransferLoop) throws(CurlTransport.SetupError) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(loop)
        guard unsafe pthread_create(&thread, nil, runTransferLoop, context.toOpaque()) == 0 else {
            unsafe context.release()
            throw .unavailable
        }
        self.thread = NIOLockedValueBox(thread)
    }

    /// Waits until the thread has ended.
    ///
    /// The lock is held meanwhile, so that a second caller waits as well. The thread itself never takes the lock.
    func join() {
        thread.withLockedValue { thread in
            guard let running = thread else { return }
            thread = nil
            if pthread_equal(running, pthread_self()) != 0 {
                pthread_detach(running)
            } else {
                _ = pthread_join(running, nil)
            }
        }
    }
}

/// Runs the loop on the new thread, and releases the reference that `init` retained.
private func runTransferLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    blockSignals()
    unsafe Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// Blocks all signals on this thread, except those that its own faults raise.
///
/// SIGPIPE is blocked, too: libcurl does not ignore it with `CURLOPT_NOSIGNAL(3)`.
private func blockSignals() {
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] {
        unsafe sigdelset(&signals, fault)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
