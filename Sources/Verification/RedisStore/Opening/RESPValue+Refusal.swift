extension RESPValue {
    /// Why a server refused the greeting `HELLO`, or the connection before it; `nil` if this is no error. It repeats nothing of the text:
    /// Redis 5 answers with the password.
    var refusalOfGreeting: String? {
        guard case .error(let text) = self, let code = errorCode else { return nil }
        let tooOld = "the server is too old: Doorman needs Redis 6 or newer, or Valkey"
        return switch code {
        case "NOAUTH": "the server needs a user and a password (NOAUTH)"
        case "WRONGPASS": "the user or the password is wrong (WRONGPASS)"
        case "LOADING": "the server is loading its data (LOADING)"
        case "DENIED": "the server is in protected mode (DENIED)"
        case "NOPROTO": tooOld
        case "ERR" where text.starts(with: "ERR unknown command".utf8): tooOld
        case "ERR" where text.starts(with: "ERR max number of clients".utf8): "the server has as many clients as it allows"
        default: "the server refused the greeting HELLO (\(code))"
        }
    }
}
