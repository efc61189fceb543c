import DoormanClient

/// Reads a token from standard input and prints its account.
@main
struct WhoAmI {
    static func main() async {
        let client = DoormanClient(target: .hostAndPort("127.0.0.1", 7117))
        do {
            let identity = try await client.verify(readLine() ?? "")
            print("account \(identity.accountID)", identity.phone?.number ?? identity.email ?? "")
        } catch {
            switch error.kind {
            case .rejected: print("log in again: \(error.message)")
            case .forbidden: print("not allowed: \(error.message)")
            case .unavailable: print("try later: \(error.message)")
            }
        }
        await client.close()
    }
}
