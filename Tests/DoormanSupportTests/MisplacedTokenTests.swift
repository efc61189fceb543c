import DoormanSupport
import Testing

@Suite("Misplaced tokens")
struct MisplacedTokenTests {
    @Test(
        "a host is no token",
        arguments: [
            "localhost", "127.0.0.1", "::1", "doorman.internal", "doorman-7d9f8b6c5d-x2x4q",
            "doorman-0.doorman.production.svc.cluster.local",
            "ip-10-0-0-1.eu-west-1.compute.internal", "i-0123456789abcdef0.eu-west-1.compute.internal",
            "internal-doorman-production-1234567890.eu-west-1.elb.amazonaws.com",
            "a0123456789abcdef0123456789abcde-1234567890.us-west-2.elb.amazonaws.com",
            "6667d8e9-9d4d-4ccb-ba32-21da3bb5aafc.databases.appdomain.cloud", "aks-nodepool1-12345678-vmss000000",
            "DOORMAN-PRODUCTION-EU-WEST-1", "production-authentication-gateway", "ec2-203-0-113-25.compute-1.amazonaws.com",
            "2001:db8:85a3:8d3:1319:8a2e:370:7348", "doormanproductionservers",
        ])
    func hosts(host: String) {
        #expect(!MisplacedToken.isProbable(host: host))
    }

    @Test(
        "a token is no host",
        arguments: [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_-x", "550e8400-e29b-41d4-a716-446655440000",
            "550E8400-E29B-41D4-A716-446655440000",
            "glpat-abcdefghij1234567890", "EMAWverysecrettokenofauser", "0123456789abcdef0123456789abcdef",
            "sk-proj-AbCdEfGhIjKlMnOp",
            "a.0123456789abcdef0123",
        ])
    func tokens(token: String) {
        #expect(MisplacedToken.isProbable(host: token))
    }
}
