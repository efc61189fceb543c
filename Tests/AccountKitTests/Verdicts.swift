import DoormanCore

// What a test wants of a verdict, or nil.

extension Verdict {
    var identity: Identity? {
        if case .valid(let identity) = self { identity } else { nil }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}

extension ExchangeVerdict {
    var token: Token? {
        if case .issued(let token, _) = self { token } else { nil }
    }

    var identity: Identity? {
        if case .issued(_, let identity) = self { identity } else { nil }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection) = self { rejection } else { nil }
    }
}
