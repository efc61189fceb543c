internal import CCurl
private import Glibc
internal import ProviderHTTP

extension TransportError.Code {
    /// Maps an error code of libcurl (`libcurl-errors(3)`).
    init(_ code: CURLcode) {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            self = .resolveFailed
        case CURLE_COULDNT_CONNECT, CURLE_PROXY, CURLE_NO_CONNECTION_AVAILABLE, CURLE_INTERFACE_FAILED:
            self = .connectFailed
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_SHUTDOWN_FAILED, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED:
            self = .tls
        case CURLE_OPERATION_TIMEDOUT:
            self = .timedOut
        case CURLE_FILESIZE_EXCEEDED:
            self = .bodyTooLarge
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            self = .connectionLost
        case CURLE_ABORTED_BY_CALLBACK:
            self = .cancelled
        case CURLE_URL_MALFORMAT:
            self = .urlNotAllowed
        default:
            self = .protocolError
        }
    }
}

extension EasyHandle {
    /// Returns the cause of a failure, from libcurl's code and what it knows about the transfer.
    func cause(of code: CURLcode) -> TransportError.Cause? {
        if let status = number(CURLINFO_HTTP_CONNECTCODE), status >= 300 { return .proxyResponded(status: status) }
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: return .hostNotFound
        case CURLE_COULDNT_RESOLVE_PROXY: return .proxyNotFound
        case CURLE_COULDNT_CONNECT:
            switch number(CURLINFO_OS_ERRNO).map(Int32.init(truncatingIfNeeded:)) {
            case ECONNREFUSED: return .connectionRefused
            case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN: return .hostUnreachable
            default: return nil
            }
        case CURLE_PEER_FAILED_VERIFICATION:
            // See "DIAGNOSTICS" in openssl-verify(1). libcurl compares names itself, after OpenSSL found the chain valid. It leaves 1 then.
            switch number(CURLINFO_SSL_VERIFYRESULT) {
            case 9: return .certificateNotYetValid
            case 10: return .certificateExpired
            case 0, 1, 62: return .certificateForOtherName
            default: return .certificateUntrusted
            }
        case _ where TransportError.Code(code) == .tls: return .handshakeFailed
        default: return nil
        }
    }
}
