import DoormanClient
import Hummingbird
import Logging

/// Serves the routes on the port in `PORT` (default 8080), and verifies tokens with the Doorman servers in `DOORMAN` (default
/// `127.0.0.1:7117`).
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
            // A service group shuts down its services in reverse order, and the server comes last. So the client closes after the last
            // response.
            services: [doorman],
            logger: logger)
        try await application.runService()
    }
}
