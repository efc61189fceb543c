import AccountKitEmulator
import CallerLimits
import DoormanCore
import DoormanServer
import DoormanWire
import TestKit
import Testing

@testable import DoormanDaemon

/// Causes each failure of the contract through gRPC and through Envoy's ext_authz, and compares the response with the contract's table.
/// A draining server answers calls over HTTP/2, and refuses the streams that follow GOAWAY.
@Suite("Every row of the failure contract over gRPC")
struct EveryGRPCRowTests {
    static let rows = EveryRowTests.rows.filter { $0 != .draining }

    @Test("reaches a client of gRPC as the table says", arguments: rows)
    func grpc(failure: Failure) async throws {
        let trial = Trial(failure)
        try await Stack.run(settings: trial.settings, time: trial.time) { stack in
            let peer = try GRPCPeer.connect(port: stack.port)
            let request = try await prepare(trial, stack, peer)
            let call: TTRPCCall
            switch failure {
            case .malformedRequest: call = TTRPCCall(verifying: [0xFF, 0xFF, 0xFF])
            case .frameTooLong: call = TTRPCCall(verifying: Array(repeating: 0, count: 65_537))
            default: call = TTRPCCall(frame: try request(101))
            }
            let response = try await peer.call(
                GRPCRequest.headers(path: call.path, timeout: call.timeout), GRPCRequest.frame(call.message))
            #expect(response.code == Int(failure.row.code.rawValue))
            #expect(response.status?.failure == failure, "\(response)")
            #expect((response.retryMilliseconds != nil) == (failure.row.retry == .later))
            #expect(response.message?.isEmpty == false)
        }
    }

    static let checks = Failure.allCases.filter { $0.occurs(at: .forwardAuth) }

    @Test("reaches Envoy as the table says", arguments: checks)
    func check(failure: Failure) async throws {
        let trial = Trial(failure)
        try await Stack.run(
            settings: {
                trial.settings(&$0)
                $0.prepareForGateway(failure)
            }, time: trial.time
        ) { stack in
            let other = try RawPeer.connect(port: stack.port)
            let peer = try GRPCPeer.connect(port: stack.port)
            try await trial.prepare(stack, other)
            let token = try failure.token(at: stack)
            if failure == .wrongProvider {
                // Only a valid entry shows that a token belongs to another provider.
                try await other.send(Trial.verify(token, 1))
                _ = try await other.readFrame()
            }
            let response = try await peer.call(
                GRPCRequest.headers(path: "/envoy.service.auth.v3.Authorization/Check"),
                GRPCRequest.frame(Self.check(token, profile: failure.profile)))
            // A failed call would be a failure of the filter, which Envoy can be told to let pass.
            #expect(response.code == 0)
            let message = ProtobufFields(try #require(response.payload))
            let row = failure.endpoints
            #expect(ProtobufFields(message.bytes[1] ?? []).numbers[1] == UInt64(row.checkCode.rawValue))
            let denied = ProtobufFields(try #require(message.bytes[2]))
            #expect(ProtobufFields(denied.bytes[1] ?? []).numbers[1] == UInt64(row.checkStatus.rawValue))
            let text = String(decoding: response.payload ?? [], as: UTF8.self)
            #expect(text.contains("retry-after") == row.checkStatus.hasRetryAfter)
            #expect(!text.contains(token))
            #expect(message.bytes[3] == nil)
        }
    }

    /// Does what comes before the call that fails.
    private func prepare(_ trial: Trial, _ stack: Stack, _ peer: GRPCPeer) async throws -> Trial.Request {
        let other = try RawPeer.connect(port: stack.port)
        if trial.failure == .tooManyCalls {
            // The limit is the connection's.
            stack.emulator.setFault(.hang, for: .me)
            try await peer.begin(GRPCRequest.headers(), GRPCRequest.verify("EMAWsomething"))
            try await eventually("a provider request") { stack.providerRequests == 1 }
        } else {
            try await trial.prepare(stack, other)
        }
        let request = try trial.request(stack)
        if trial.failure == .wrongProvider {
            // Only a valid entry shows that a token belongs to another provider.
            try await other.send(request(Trial.warmUp))
            _ = try await other.readFrame()
        }
        return request
    }

    /// A `CheckRequest` of Envoy.
    private static func check(_ token: String, profile: String?) -> [UInt8] {
        func field(_ number: UInt8, _ text: String) -> [UInt8] { ProtobufFields.field(number, Array(text.utf8)) }
        let header = ProtobufFields.field(3, field(1, "authorization") + field(2, "Bearer \(token)"))
        let request = ProtobufFields.field(4, ProtobufFields.field(2, header))
        let extensions = profile.map { ProtobufFields.field(10, field(1, "profile") + field(2, $0)) } ?? []
        return ProtobufFields.field(1, request + extensions)
    }
}

/// The call in a frame of ttrpc, in the terms of gRPC.
private struct TTRPCCall {
    let path: String
    /// The value of `grpc-timeout`.
    let timeout: String?
    let message: [UInt8]

    /// - Parameter message: Stands for a `VerifyRequest`.
    init(verifying message: [UInt8]) {
        path = "/doorman.v1.Auth/Verify"
        timeout = nil
        self.message = message
    }

    init(frame: [UInt8]) {
        let request = ProtobufFields(Array(frame.dropFirst(10)))
        path = "/" + [1, 2].map { String(decoding: request.bytes[$0] ?? [], as: UTF8.self) }.joined(separator: "/")
        message = request.bytes[3] ?? []
        timeout = request.numbers[4].map { "\($0 / 1000)u" }
    }
}
