internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// Data of valid request frames, so that one byte of input can make a request that passes the first checks.
enum Requests {
    static let all: [[UInt8]] = [verifications, others].flatMap(\.self).compactMap { try? $0() }

    private static let verifications: [@Sendable () throws -> [UInt8]] =
        ["hit", "hit2", "old", "rec", "busy", "x", "new", "new2", "new3"].map { token in
            { try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: nil) }
        }

    private static let others: [@Sendable () throws -> [UInt8]] = [
        { try RequestEncoder.encode(VerificationRequest(token: Token("brief")), timeout: .milliseconds(1)) },
        { try RequestEncoder.encode(VerificationRequest(token: Token("long")), timeout: .seconds(3600)) },
        { try RequestEncoder.encode(ExchangeRequest(code: AuthorizationCode("AQcode")), timeout: nil) },
        { try RequestEncoder.encode(RevocationRequest(.token(Token("hit"))), timeout: nil) },
        { try RequestEncoder.encode(RevocationRequest(.account("1011166682335378")), timeout: .seconds(1)) },
        { try RequestEncoder.encode(AccountListRequest(pageSize: 3, after: "MTIz"), timeout: nil) },
        { try RequestEncoder.encode(AccountDeletionRequest(accountID: "12"), timeout: nil) },
        { try RequestEncoder.encodeHealthCheck(service: "", timeout: nil) },
        { try RequestEncoder.encodeHealthCheck(service: "none", timeout: nil) },
        { try RequestEncoder.encodeStatistics(timeout: nil) },
        { [] },
        { Array(repeating: 7, count: 90) },
        {
            var request = VerificationRequest(token: Token("hit3"))
            request.notBefore = RevocationPosition(bytes: [7])
            return try RequestEncoder.encode(request, timeout: nil)
        },
    ]
}
