internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport

extension DoormanServer {
    /// Certificate, key and authorities, for the next handshakes. Whether there is TLS at all was decided when it began to listen.
    func tlsPiece(time: TimeSource) -> ReloadablePiece {
        ReloadablePiece(
            keys: TLSFiles.keys, files: { [$0.tls.certificate, $0.tls.key, $0.tls.clientAuthorities] }
        ) { [self] settings throws(BadSettings) in
            let (before, loaded) = (tlsMaterial, try settings.tls.load(now: time.wallTime()))
            guard let before, let loaded else {
                let isSame = before == nil && loaded == nil
                return ReloadablePiece.Step(needRestart: isSame ? [] : Array(TLSFiles.keys.prefix(2))) {}
            }
            let changed = TLSFiles.keys(ofWhatDiffers: before, loaded.material)
            // New keys for the same certificates would only end everybody's sessions.
            guard !changed.isEmpty else { return ReloadablePiece.Step {} }
            return ReloadablePiece.Step(changed: changed) { self.replaceTLS(loaded) }
        }
    }
}

extension DoormanServer {
    /// Who may call what, for the next calls of every connection.
    var policyPiece: ReloadablePiece {
        ReloadablePiece(
            keys: [PolicyFile.setting, "server.accounts-callers"], files: { [$0.policyFile] }
        ) { [self] settings throws(BadSettings) in
            let policy = try settings.callerPolicy()
            guard policy != self.policy else { return ReloadablePiece.Step {} }
            return ReloadablePiece.Step(changed: settings.policyFile.isEmpty ? [] : [PolicyFile.setting]) {
                self.replacePolicy(policy)
            }
        }
    }
}

extension TLSFiles {
    fileprivate static let keys = ["tls.certificate-file", "tls.key-file", "tls.client-ca-file", "tls.client-certificates"]

    fileprivate static func keys(ofWhatDiffers before: TLSMaterial, _ after: TLSMaterial) -> [String] {
        let differs = [
            before.certificateChain != after.certificateChain, before.privateKey != after.privateKey,
            before.clientAuthorities != after.clientAuthorities, before.clientCertificates != after.clientCertificates,
        ]
        return zip(keys, differs).filter(\.1).map(\.0)
    }
}
