private import Glibc
package import ProviderHTTP

/// Sends HTTP requests, with limits for time and size. The only user of libcurl.
///
/// Its own threads own the connections, keep them open, and replace them from time to time: see
/// ``Settings/maximumConnectionLifetime``. Requests may come from any task. Redirects, cookies,
/// `.netrc` and the environment's proxies are never looked at, and plain HTTP is spoken to this machine only.
package final class CurlTransport: HTTPTransport {
    package let settings: Settings
    private let semaphore: RequestSemaphore
    private let shared: ConnectionPool
    /// For requests that are not repeatable. In the same set of connections libcurl would take their HTTP/1.1 for a property of the
    /// server, and for a while share no other connection to it (`Curl_multiuse_state()`).
    private let single: ConnectionPool

    package init(_ settings: Settings = Settings()) throws(SetupError) {
        if let problem = settings.problem { throw .invalidSetting(problem) }
        if let caFile = settings.caFile, unsafe access(caFile, R_OK) != 0 { throw .unreadableCAFile }
        self.settings = settings
        semaphore = RequestSemaphore(capacity: settings.maximumRequests)
        shared = try ConnectionPool(settings: settings, semaphore: semaphore)
        single = try ConnectionPool(settings: settings, semaphore: semaphore)
    }

    package var statistics: Statistics { semaphore.statistics }

    deinit {
        shutdown()
    }

    /// Sends a request, and waits for the whole response, whatever its status. Cancelling the task ends the transfer at once.
    ///
    /// - Parameter timeout: The caller's own time, besides ``Settings/requestTimeout``.
    /// - Throws: ``TransportError`` if there is no whole response.
    package func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        guard URLPolicy.accepts(request.url) else { throw TransportError(.refusedByPolicy, requestMayHaveBeenSent: false) }
        guard timeout > .zero else { throw TransportError(.deadlineExceeded, requestMayHaveBeenSent: false) }
        // No caller waits longer than a day: a time near the end of the clock can't be added to now.
        let pending = PendingRequest(request, deadline: .now.advanced(by: min(timeout, .seconds(86_400))))
        let pool = request.isRepeatable ? shared : single
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard pending.attach(waiter) else { return }
                if let refusal = pool.submit(pending) { pending.fail(refusal) }
            }
        } onCancel: {
            pending.fail(.cancelled)
            pool.noteCancellation()
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
