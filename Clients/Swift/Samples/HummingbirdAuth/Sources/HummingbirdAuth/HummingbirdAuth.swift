import DoormanClient
import Hummingbird
import Logging

/// Serves what `routes` says at the port in `PORT` (8080), and asks the Doorman servers in `DOORMAN`
/// (`127.0.0.1:7117`) whose tokens are brought.
@main
struct HummingbirdAuth {
    static func main() async throws {
        let environment = Environment()
        let logger = Logger(label: "hummingbird-auth")
        let servers = try DoormanTarget.list(parsing: environment.get("DOORMAN") ?? "127.0.0.1:7117")
        let doorman = DoormanClient(targets: servers, logger: logger)
        let application = Application(
            router: routes(doorman: doorman),
            configuration: ApplicationConfiguration(
                address: .hostname("127.0.0.1", port: environment.get("PORT", as: Int.self) ?? 8080)),
            // A service group ends its services last one first, and the server comes after these: so the client is closed when
            // the last request has been answered.
            services: [doorman],
            logger: logger)
        try await application.runService()
    }
}
