internal import DoormanServer
internal import ServiceLifecycle

/// The server, with notifications of the service manager: it is ready once every listener is open, and stops when the drain begins.
///
/// Readiness of the providers does not belong to it. An outage of a provider must not fail the start of the service.
struct AnnouncedServer: Service {
    let server: DoormanServer
    let notifier: ServiceNotifier

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await server.run {
                notifier.listening("serving on " + server.addresses.map(\.text).joined(separator: ", "))
            }
        } onGracefulShutdown: {
            notifier.stopping()
        }
    }
}
