import DoormanServer
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

/// Reloads that would let more callers in: only a restart applies them.
@Suite("Reloads that would open the server")
struct OpeningReloadTests {
    private typealias Scene = ActiveConfigurationTests.Scene

    private func tls(_ certificate: TestCertificate, _ lines: String...) -> String {
        ActiveConfigurationTests.single + "\ntls:\n  certificate-file: \(certificate.certificateFile)\n"
            + "  private-key-file: \(certificate.keyFile)\n" + lines.map { "  \($0)\n" }.joined()
    }

    @Test("removing the client CA needs a restart, while a new certificate is applied")
    func clientCA() async throws {
        let (first, second) = (try await TestCertificate(), try await TestCertificate())
        let authority = "client-ca-file: \(first.certificateFile)"
        try await ActiveConfigurationTests().withScene(tls(first, authority)) { scene in
            let before = try #require(scene.server.tlsMaterial)
            for lines in [["client-ca-file: none"], [], ["client-auth: optional"]] {
                try scene.write(lines.reduce(tls(first)) { $0 + "  \($1)\n" })
                let both = lines == ["client-auth: optional"] ? ["tls.client-ca-file", "tls.client-auth"] : ["tls.client-ca-file"]
                #expect(await scene.reload() == .applied(changed: [], needRestart: both))
                #expect(scene.server.tlsMaterial == before)
            }
            try scene.write(tls(second))
            #expect(
                await scene.reload()
                    == .applied(
                        changed: ["tls.certificate-file", "tls.private-key-file"], needRestart: ["tls.client-ca-file"]))
            let after = try #require(scene.server.tlsMaterial)
            #expect(after.clientAuthorities == before.clientAuthorities && after.clientCertificates == .required)
            #expect(after.certificateChain == (try second.certificateBytes()))
            #expect(!scene.configuration.settings.tls.clientAuthorities.isEmpty)
            // An empty value changes nothing at all.
            try scene.write(tls(second, "client-ca-file:"))
            guard case .failed = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
        }
    }

    @Test("optional certificates in place of required ones need a restart, while another authority is applied")
    func optional() async throws {
        let (first, second) = (try await TestCertificate(), try await TestCertificate())
        try await ActiveConfigurationTests().withScene(tls(first, "client-ca-file: \(first.certificateFile)")) { scene in
            try scene.write(tls(first, "client-ca-file: \(second.certificateFile)", "client-auth: optional"))
            #expect(await scene.reload() == .applied(changed: ["tls.client-ca-file"], needRestart: ["tls.client-auth"]))
            let material = try #require(scene.server.tlsMaterial)
            #expect(material.clientAuthorities == (try second.certificateBytes()))
            #expect(material.clientCertificates == .required)
        }
    }

    @Test("stricter checks need no restart")
    func stricter() async throws {
        let certificate = try await TestCertificate()
        let authority = "client-ca-file: \(certificate.certificateFile)"
        try await ActiveConfigurationTests().withScene(tls(certificate)) { scene in
            try scene.write(tls(certificate, authority, "client-auth: optional"))
            #expect(
                await scene.reload() == .applied(changed: ["tls.client-ca-file", "tls.client-auth"], needRestart: []))
            try scene.write(tls(certificate, authority))
            #expect(await scene.reload() == .applied(changed: ["tls.client-auth"], needRestart: []))
            #expect(scene.server.tlsMaterial?.clientCertificates == .required)
        }
    }

    @Test("removing the policy needs a restart, and changing a rule does not")
    func policy() async throws {
        let rules = "- {callers: uid:1, methods: [verify]}\n"
        let policy = "\nauthorization: {policy-file: FOLDER/policy.yaml}\n"
        try await ActiveConfigurationTests().withScene(ActiveConfigurationTests.single) { scene in
            try scene.write(rules, to: "policy.yaml")
            try scene.write(ActiveConfigurationTests.single + policy)
            #expect(await scene.reload() == .applied(changed: ["authorization.policy-file"], needRestart: []))
            try scene.write(rules + "- {callers: uid:2, methods: [verify]}\n", to: "policy.yaml")
            #expect(await scene.reload() == .applied(changed: ["authorization.policy-file"], needRestart: []))
            let before = scene.server.policy
            for text in ["", "\nauthorization: {policy-file: none}\n"] {
                try scene.write(ActiveConfigurationTests.single + text)
                #expect(await scene.reload() == .applied(changed: [], needRestart: ["authorization.policy-file"]))
            }
            #expect(scene.server.policy == before)
            for text in ["''", "null", "[]"] {
                try scene.write(ActiveConfigurationTests.single + "\nauthorization: {policy-file: \(text)}\n")
                guard case .failed = await scene.reload() else {
                    Issue.record("the reload did not fail: \(text)")
                    return
                }
            }
            #expect(scene.server.policy == before)
        }
    }

    @Test("removing the files of the HTTP API needs a restart, and changing them does not")
    func http() async throws {
        let both = "\nhttp: {profiles-file: FOLDER/profiles.yaml, introspection-clients-file: FOLDER/clients.yaml}\n"
        let keys = ["http.profiles-file", "http.introspection-clients-file"]
        try await ActiveConfigurationTests().withScene(ActiveConfigurationTests.single) { scene in
            try scene.write("- {name: orders, required-scopes: [a]}\n", to: "profiles.yaml")
            try scene.write("- {client-id: a, client-secret: b}\n", to: "clients.yaml")
            try scene.write(ActiveConfigurationTests.single + both)
            #expect(await scene.reload() == .applied(changed: keys, needRestart: []))
            #expect(scene.http.value.profiles["orders"]?.requirements.scopes == ["a"])
            try scene.write("- {name: orders, required-scopes: [b]}\n", to: "profiles.yaml")
            #expect(await scene.reload() == .applied(changed: ["http.profiles-file"], needRestart: []))
            try scene.write("- {client-id: a, client-secret: c}\n", to: "clients.yaml")
            #expect(await scene.reload() == .applied(changed: ["http.introspection-clients-file"], needRestart: []))
            #expect(await scene.reload() == .applied(changed: [], needRestart: []))
            for text in ["", "\nhttp: {profiles-file: none, introspection-clients-file: none}\n"] {
                try scene.write(ActiveConfigurationTests.single + text)
                #expect(await scene.reload() == .applied(changed: [], needRestart: keys))
            }
            #expect(scene.http.value.profiles["orders"]?.requirements.scopes == ["b"])
            #expect(scene.http.value.introspectionClients?.count == 1)
            try scene.write(ActiveConfigurationTests.single + both)
            try scene.write("- {name: orders, provider: unknown}\n", to: "profiles.yaml")
            guard case .failed = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
            #expect(scene.http.value.profiles["orders"]?.requirements.scopes == ["b"])
        }
    }

    @Test("losing the profile default needs a restart, since forward auth would then require nothing")
    func standardProfile() async throws {
        let settings = ActiveConfigurationTests.single + "\nhttp: {profiles-file: FOLDER/profiles.yaml}\n"
        try await ActiveConfigurationTests().withScene(ActiveConfigurationTests.single) { scene in
            try scene.write("- {name: default, required-scopes: [a]}\n- {name: orders}\n", to: "profiles.yaml")
            try scene.write(settings)
            #expect(await scene.reload() == .applied(changed: ["http.profiles-file"], needRestart: []))
            for text in [
                "- {name: defalut, required-scopes: [a]}\n- {name: orders}\n", "- {name: Default, required-scopes: [a]}\n",
            ] {
                try scene.write(text, to: "profiles.yaml")
                #expect(await scene.reload() == .applied(changed: [], needRestart: ["http.profiles-file"]))
                #expect(scene.http.value.profiles.standard.requirements.scopes == ["a"])
                #expect(scene.http.value.profiles["default"]?.requirements.scopes == ["a"])
            }
            // The name itself shows the intent.
            try scene.write("- {name: default}\n", to: "profiles.yaml")
            #expect(await scene.reload() == .applied(changed: ["http.profiles-file"], needRestart: []))
            #expect(scene.http.value.profiles.standard == .standard)
            // Such a profile requires nothing, so that it can go.
            try scene.write("- {name: orders}\n", to: "profiles.yaml")
            #expect(await scene.reload() == .applied(changed: ["http.profiles-file"], needRestart: []))
        }
    }

    @Test("users of the Unix socket change only with a restart")
    func socketUsers() async throws {
        let users = ActiveConfigurationTests.single + "\nserver: {unix-socket-callers: uid:1}\n"
        try await ActiveConfigurationTests().withScene(users) { scene in
            for text in ["none", "uid:2"] {
                try scene.write(users.replacingOccurrences(of: "uid:1", with: text))
                #expect(await scene.reload() == .applied(changed: [], needRestart: ["server.unix-socket-callers"]))
            }
            try scene.write(users.replacingOccurrences(of: "uid:1", with: "[]"))
            guard case .failed = await scene.reload() else {
                Issue.record("the reload did not fail")
                return
            }
        }
    }

    @Test("the provider's authorities are replaced by certificates only")
    func providerAuthorities() async throws {
        let (first, second) = (try await TestCertificate(), try await TestCertificate())
        let settings = ActiveConfigurationTests.single + "\nprovider: {ca-file: FOLDER/ca.pem}\n"
        try await ActiveConfigurationTests().withScene(ActiveConfigurationTests.single) { scene in
            #expect(scene.dependencies.transport.authorities == nil)
            try scene.write(String(decoding: try first.certificateBytes(), as: UTF8.self), to: "ca.pem")
            try scene.write(settings)
            #expect(await scene.reload() == .applied(changed: [], needRestart: ["provider.ca-file"]))
        }
        let file = NSTemporaryDirectory() + "doorman-ca-\(UUID().uuidString).pem"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(first.certificateBytes()).write(to: URL(fileURLWithPath: file))
        let started = ActiveConfigurationTests.single + "\nprovider: {ca-file: \(file)}\n"
        try await ActiveConfigurationTests().withScene(started) { scene in
            #expect(scene.files.contains(URL(fileURLWithPath: file).lastPathComponent))
            for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: file))
                #expect(
                    await scene.reload()
                        == .failed(["provider.ca-file: contains no PEM certificate, or one that can't be parsed (\(file))"]))
            }
            #expect(scene.dependencies.transport.authorities == (try first.certificateBytes()))
            try Data(second.certificateBytes()).write(to: URL(fileURLWithPath: file))
            #expect(await scene.reload() == .applied(changed: ["provider.ca-file"], needRestart: []))
            #expect(scene.dependencies.transport.authorities == (try second.certificateBytes()))
            try scene.write(ActiveConfigurationTests.single)
            #expect(await scene.reload() == .applied(changed: [], needRestart: ["provider.ca-file"]))
        }
    }
}
