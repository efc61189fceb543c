private import Glibc
private import NIOConcurrencyHelpers

/// The thread that owns libcurl's handles.
///
/// A thread and not a task: it waits inside `curl_multi_poll(3)`, which must not block one of the few threads that run tasks.
final class CurlThread: Sendable {
    /// The running thread; nil once it has been joined.
    private let thread: NIOLockedValueBox<pthread_t?>

    /// Starts a thread that runs the loop, and then lets go of it.
    ///
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if the system gives no thread.
    init(running loop: sending TransferLoop) throws(CurlTransport.SetupError) {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(loop)
        guard unsafe pthread_create(&thread, nil, runTransferLoop, context.toOpaque()) == 0 else {
            unsafe context.release()
            throw .unavailable
        }
        self.thread = NIOLockedValueBox(thread)
    }

    /// Waits until the thread has ended. The lock is held meanwhile, so that a second caller waits as well; the thread itself
    /// never takes it.
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

/// The first function of the thread. It takes the reference over that was made for it.
private func runTransferLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    blockSignals()
    unsafe Unmanaged<TransferLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// Leaves signals to the other threads, but for those that this thread's own faults would raise. That includes SIGPIPE, which
/// libcurl does not guard against when told to keep away from signals (`CURLOPT_NOSIGNAL(3)`).
private func blockSignals() {
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] {
        unsafe sigdelset(&signals, fault)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
}
