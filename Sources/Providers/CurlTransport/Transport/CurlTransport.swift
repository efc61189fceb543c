private import Glibc
package import ProviderHTTP

/// Asks HTTP servers, within a time, taking no more than so many bytes: the only door to libcurl.
///
/// Threads of its own own the connections, keep them open, and let others take their place from time to time: see
/// ``Settings/maximumConnectionLifetime``. Requests may come from any task. Redirects, cookies,
/// `.netrc` and the environment's proxies are never looked at, and plain HTTP is spoken to this machine only.
package final class CurlTransport: HTTPTransport {
    package let settings: Settings
    private let ledger: RequestSemaphore
    private let shared: ConnectionPool
    /// For requests that are good once. In one set of connections libcurl would take the HTTP/1.1 of theirs for a property of the server,
    /// and for a while share no other connection to it (`Curl_multiuse_state()`).
    private let single: ConnectionPool

    package init(_ settings: Settings = Settings()) throws(SetupError) {
        if let problem = settings.problem { throw .invalidSetting(problem) }
        if let caFile = settings.caFile, unsafe access(caFile, R_OK) != 0 { throw .unreadableCAFile }
        self.settings = settings
        ledger = RequestSemaphore(capacity: settings.maximumRequests)
        shared = try ConnectionPool(settings: settings, ledger: ledger)
        single = try ConnectionPool(settings: settings, ledger: ledger)
    }

    package var statistics: Statistics { ledger.statistics }

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
        let exchange = PendingRequest(request, deadline: .now.advanced(by: min(timeout, .seconds(86_400))))
        let lanes = request.isRepeatable ? shared : single
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard exchange.attach(waiter) else { return }
                if let refusal = lanes.submit(exchange) { exchange.fail(refusal) }
            }
        } onCancel: {
            exchange.fail(.cancelled)
            lanes.noteCancellation()
        }
        return try outcome.get()
    }

    /// Ends the transport: what is under way fails with ``TransportError/Code/shutDown``, and so does whatever comes later.
    /// Returns when the threads have ended, which takes milliseconds. May be called again.
    package func shutdown() {
        shared.shutDown()
        single.shutDown()
    }
}
