package import DoormanCore

// Parts of a verdict; `nil` if it has none.

extension Verdict {
    package var identity: Identity? {
        if case .valid(let identity) = self { identity } else { nil }
    }

    package var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}

extension ExchangeVerdict {
    package var token: Token? {
        if case .issued(let token, _) = self { token } else { nil }
    }

    package var identity: Identity? {
        if case .issued(_, let identity) = self { identity } else { nil }
    }

    package var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}
