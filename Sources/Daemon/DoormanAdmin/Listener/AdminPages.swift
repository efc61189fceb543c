internal import DoormanHTTP
internal import NIOHTTP1

/// The pages by path. A page is written from scratch for each request: see ``AdminFigures``.
package struct AdminPages: Sendable {
    private let source: any AdminSource
    private let history: StatisticsHistory
    private let process = ProcessFigureReader()

    package init(_ source: any AdminSource, history: StatisticsHistory) {
        self.source = source
        self.history = history
    }

    /// Returns the response to a request. It takes as long as the source, which may wait for an event loop.
    package func response(to request: AdminRequest) async -> AdminResponse {
        guard request.method == .GET || request.method == .HEAD else {
            return AdminResponse(.methodNotAllowed, "only GET and HEAD are allowed\n")
        }
        guard request.hosts.count <= 1 else { return AdminResponse(.badRequest, "the request has several headers Host\n") }
        // A page of another site can make its own name lead to this machine (DNS rebinding). A browser then sends that name.
        if request.isOnLoopback, let host = request.hosts.first, !LoopbackHost.isValid(host.utf8Span.span) {
            return AdminResponse(
                .misdirectedRequest, "on a loopback address, the header Host must be localhost or a loopback address\n")
        }
        return await page(request.target.prefix { $0 != "?" })
    }

    private func page(_ path: Substring) async -> AdminResponse {
        switch path {
        case "/livez":
            // The statistics come from every event loop.
            _ = await source.statistics()
            return AdminResponse(.ok, "live\n")
        case "/readyz":
            let readiness = source.readiness
            return AdminResponse(readiness == .ready ? .ok : .serviceUnavailable, readiness.text + "\n")
        case "/metrics": return AdminResponse(.ok, MetricsText.write(await figures()), mediaType: MetricsText.mediaType)
        case "/config": return AdminResponse(.ok, source.configuration + "\n")
        case "/", "/status":
            let page = StatusPage(await figures(), samples: history.samples, minuteAgo: history.minuteAgo)
            return AdminResponse(.ok, page.html.source, mediaType: "text/html; charset=utf-8")
        case "/status.css": return AdminResponse(.ok, StatusAssets.style, mediaType: "text/css; charset=utf-8")
        case "/status.js": return AdminResponse(.ok, StatusAssets.script, mediaType: "text/javascript; charset=utf-8")
        case "/status.svg": return AdminResponse(.ok, StatusAssets.icon, mediaType: "image/svg+xml")
        default:
            return AdminResponse(.notFound, "there is no such page: see /status, /metrics, /config, /livez or /readyz\n")
        }
    }

    private func figures() async -> AdminFigures {
        AdminFigures(
            statistics: await source.statistics(), details: await source.details(), readiness: source.readiness,
            process: process.read())
    }

    /// Adds a sample to the history each second, until the task is cancelled.
    func keepHistory() async {
        while !Task.isCancelled {
            history.record(await source.statistics())
            try? await Task.sleep(for: StatisticsHistory.interval)
        }
    }
}
