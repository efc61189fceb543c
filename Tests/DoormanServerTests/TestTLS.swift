import DoormanCore
import DoormanServer
import DoormanSupport
import Glibc
import TestKit

/// Reads certificate and key files.
enum TestTLS {
    static func contents(of path: String) throws -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw NeverHappened(description: "\(path) can't be opened: errno \(errno)") }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe read(file, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }
}

extension ServerTLS {
    /// Creates a TLS configuration from a test certificate.
    ///
    /// - Parameter authority: The authority that must have issued callers' certificates.
    static func test(
        _ leaf: TestAuthority.Leaf, callersOf authority: TestAuthority? = nil,
        _ clientCertificates: TLSMaterial.ClientCertificates = .required
    ) throws -> ServerTLS {
        try test(leaf, callersOf: authority.map { [$0] }, clientCertificates)
    }

    /// Creates a TLS configuration from a test certificate, for callers of several authorities.
    static func test(
        _ leaf: TestAuthority.Leaf, callersOf authorities: [TestAuthority]?,
        _ clientCertificates: TLSMaterial.ClientCertificates = .required
    ) throws -> ServerTLS {
        let material = TLSMaterial(
            certificateChain: try TestTLS.contents(of: leaf.certificateFile), privateKey: try TestTLS.contents(of: leaf.keyFile),
            clientAuthorities: try authorities?.flatMap { try TestTLS.contents(of: $0.certificateFile) },
            clientCertificates: clientCertificates)
        return try ServerTLS(material, now: TimeSource.system.wallTime())
    }
}
