private import Glibc

/// Asks HTTP servers, within a time, taking no more than so many bytes: the only door to libcurl.
///
/// One thread of its own owns all connections and keeps them open. Requests may come from any task. Redirects, cookies,
/// `.netrc` and the environment's proxies are never looked at, and plain HTTP is spoken to this machine only.
package final class CurlTransport: Sendable {
    package let settings: Settings
    private let mailbox: Mailbox
    private let thread: OwnerThread

    package init(_ settings: Settings = Settings()) throws(SetupError) {
        if let problem = settings.problem { throw .invalidSetting(problem) }
        if let caFile = settings.caFile, unsafe access(caFile, R_OK) != 0 { throw .unreadableCAFile }
        let multi = try MultiHandle(maximumConnections: settings.maximumConnections)
        let mailbox = Mailbox(capacity: settings.maximumRequests, waker: multi.waker)
        self.settings = settings
        self.mailbox = mailbox
        thread = try OwnerThread(running: TransferLoop(settings: settings, multi: multi, mailbox: mailbox))
    }

    deinit {
        shutdown()
    }

    /// Asks, and waits for the whole answer. Any status is an answer. Cancelling the task ends the transfer at once.
    ///
    /// - Parameter timeout: The caller's own time, on top of ``Settings/requestTimeout``.
    /// - Throws: ``TransportError`` if there is no whole answer.
    package func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        guard URLPolicy.accepts(request.url) else { throw TransportError(.refusedByPolicy, requestMayHaveBeenSent: false) }
        guard timeout > .zero else { throw TransportError(.deadlineExceeded, requestMayHaveBeenSent: false) }
        // No caller's time is longer than a day: a time near the end of the clock can't be added to now.
        let exchange = Exchange(request, deadline: .now.advanced(by: min(timeout, .seconds(86_400))))
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard exchange.attach(waiter) else { return }
                if let refusal = mailbox.submit(exchange) { exchange.fail(refusal) }
            }
        } onCancel: {
            exchange.fail(.cancelled)
            mailbox.noteCancellation()
        }
        return try outcome.get()
    }

    /// Ends the transport: what is under way fails with ``TransportError/Code/shutDown``, and so does whatever comes later.
    /// Returns when the thread has ended, which takes milliseconds. May be called again.
    package func shutdown() {
        mailbox.shutDown()
        thread.join()
    }
}
