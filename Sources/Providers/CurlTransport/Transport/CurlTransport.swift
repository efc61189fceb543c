package import ProviderHTTP

/// An HTTP transport over libcurl, with limits on time and size.
///
/// Threads of its own keep connections open, and replace them for age: see ``Settings/maximumConnectionLifetime``. Any task can
/// send requests. The transport ignores redirects, cookies, `.netrc` and the environment's proxies. It uses HTTP without TLS only
/// to loopback addresses.
package final class CurlTransport: HTTPTransport {
    /// The settings at the start. ``replaceAuthorities(_:)`` does not change them.
    package let settings: Settings
    private let semaphore: RequestSemaphore
    private let shared: ConnectionPool
    /// The pool for requests that are not repeatable, which use HTTP/1.1.
    ///
    /// In a common pool, libcurl would infer that the server lacks HTTP/2, and stop sharing connections to it for a while
    /// (`Curl_multiuse_state()`).
    private let single: ConnectionPool

    package init(_ settings: Settings = Settings()) throws(SetupError) {
        if let problem = settings.problem { throw .invalidSetting(problem) }
        self.settings = settings
        semaphore = RequestSemaphore(capacity: settings.maximumRequests)
        shared = try ConnectionPool(settings: settings, semaphore: semaphore)
        single = try ConnectionPool(settings: settings, semaphore: semaphore)
    }

    /// The only trusted authorities; `nil` for the system's.
    package var authorities: [UInt8]? { shared.authorities }

    /// Trusts other authorities from the next request on, which uses a new connection. Requests in flight end on their connections.
    package func replaceAuthorities(_ authorities: [UInt8]?) {
        shared.replaceAuthorities(authorities)
        single.replaceAuthorities(authorities)
    }

    package var statistics: Statistics { semaphore.statistics }

    deinit {
        shutdown()
    }

    /// Sends a request, and waits for the whole response, whatever its status. Cancelling the task ends the transfer at once.
    ///
    /// - Parameter timeout: The caller's remaining time. ``Settings/requestTimeout`` applies as well.
    /// - Throws: ``TransportError`` if there is no whole response.
    package func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        guard URLPolicy.accepts(request.url) else { throw TransportError(.urlNotAllowed, requestMayHaveBeenSent: false) }
        guard timeout > .zero else { throw TransportError(.deadlineExceeded, requestMayHaveBeenSent: false) }
        // Limited to a day, since adding a time near the clock's maximum to now would overflow.
        let pending = PendingRequest(request, deadline: .now.advanced(by: min(timeout, .seconds(86_400))))
        let pool = request.isRepeatable ? shared : single
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard pending.attach(waiter) else { return }
                if let error = pool.submit(pending) { pending.fail(error) }
            }
        } onCancel: {
            pending.fail(.cancelled)
            pool.noteCancellation()
        }
        return try outcome.get()
    }

    /// Fails all requests in flight and all later ones with ``TransportError/Code/shutDown``.
    ///
    /// Returns when the threads have ended, within milliseconds. Further calls have no effect.
    package func shutdown() {
        shared.shutDown()
        single.shutDown()
    }
}
