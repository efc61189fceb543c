/// Names that operators of other servers try, and the settings and flags that they mean.
enum SettingSynonyms {
    /// The key of the setting that a plain name means.
    static let keys = inverted(settings)
    /// The flag of the program that a plain name means, for flags that are no settings.
    static let programFlags = inverted(flags)

    private static let settings: KeyValuePairs<String, [String]> = [
        "server.address": [
            "port", "listen", "listen-address", "listen-port", "bind", "bind-address", "host", "address", "addr", "server-port",
            "server-host", "p",
        ],
        "server.unix-socket": ["socket", "unix", "unix-path", "uds", "server-socket"],
        "server.event-loops": ["workers", "threads", "event-loops", "loops", "concurrency"],
        "server.max-connections": ["connections", "max-conns", "max-clients"],
        "server.default-call-timeout": ["timeout", "call-timeout", "deadline"],
        "server.allow-plaintext-from-network": ["insecure", "plaintext", "allow-plaintext", "no-tls"],
        "tls.certificate-file": [
            "cert", "certificate", "cert-file", "tls-cert", "tls-cert-file", "tls-certificate", "server-cert", "crt",
        ],
        "tls.private-key-file": ["key", "key-file", "private-key", "tls-key", "tls-private-key", "server-key"],
        "tls.client-ca-file": [
            "ca", "cacert", "ca-cert", "ca-file", "client-ca", "client-cacert", "tls-ca", "tls-ca-file", "mtls",
        ],
        "tls.client-auth": ["client-cert-required", "require-client-cert", "tls-client-cert"],
        "authorization.policy-file": ["policy", "authz", "authorization", "acl", "rules", "server-policy-file"],
        "cache.ttl": ["ttl", "cache-time", "cache-expiry", "cache-lifetime", "max-age", "expiry"],
        "cache.max-entries": ["size", "cache-size", "max-size", "capacity", "cache-capacity"],
        "cache.stale-if-error": ["stale", "serve-stale", "cache-stale"],
        "provider.request-timeout": ["provider-timeout", "upstream-timeout"],
        "provider.max-calls-per-second": ["rate", "rate-limit", "qps", "rps", "provider-rate", "provider-rate-limit"],
        "provider.ca-file": ["provider-ca", "provider-cacert"],
        "provider.proxy": ["proxy", "http-proxy", "https-proxy"],
        "provider.kind": ["provider", "kind", "type", "provider-type", "idp"],
        "provider.file": ["providers", "providers-file", "applications-file", "account-kit-applications-file", "issuers"],
        "jwt.issuer": ["issuer", "iss", "oidc-issuer", "oidc-issuer-url", "issuer-url", "issuer-uri", "authority"],
        "jwt.audience": ["audience", "aud", "audiences", "oidc-client-id", "jwt-audiences"],
        "jwt.jwks-url": ["jwks", "jwks-uri", "jwks-url", "jwt-jwks-uri", "jwt-keys", "keys-url", "certs-url"],
        "jwt.algorithms": ["algorithms", "alg", "algs", "signing-algs", "jwt-algorithm", "oidc-signing-algs"],
        "jwt.leeway": ["leeway", "clock-skew", "skew", "jwt-clock-skew"],
        "jwt.scopes-claim": ["scope-claim", "scopes-claim", "jwt-scope-claim"],
        "introspection.endpoint": [
            "introspection", "introspection-url", "introspection-uri", "introspection-endpoint-url", "introspect", "token-endpoint",
        ],
        "introspection.client-id": ["client-id", "client", "oauth-client-id", "clientid"],
        "introspection.client-secret-file": [
            "client-secret", "client-secret-file", "oauth-client-secret", "introspection-client-secret",
        ],
        "introspection.client-auth": ["auth-method", "token-endpoint-auth-method", "client-auth-method"],
        "facebook-login.application-id": [
            "facebook-app-id", "fb-app-id", "facebook-login-app-id", "facebook-application-id", "facebook",
        ],
        "facebook-login.app-secret-file": ["facebook-app-secret", "fb-app-secret", "facebook-login-app-secret", "facebook-secret"],
        "account-kit.url": [
            "url", "provider-url", "provider-base-url", "upstream", "base", "base-url", "account-kit-base-url", "account-kit",
        ],
        "account-kit.application-id": ["app", "app-id", "application", "application-id", "account-kit-app-id"],
        "account-kit.app-secret-file": [
            "secret", "app-secret", "secret-file", "app-secret-file", "application-secret", "account-kit-secret",
            "account-kit-app-secret",
        ],
        "log.level": ["verbose", "debug", "quiet", "trace", "log", "v", "loglevel", "verbosity"],
        "reload.interval": ["reload", "watch"],
    ]

    private static let flags: KeyValuePairs<String, [String]> = [
        "--config": ["c", "conf", "config-file", "configuration", "settings", "f", "file"],
        "--check-config": [
            "check", "validate", "test-config", "configtest", "dry-run", "check-configuration", "verify-config", "lint", "t",
        ],
        "--print-config": ["print", "show-config", "dump-config", "dump", "print-settings", "show"],
        "--example-config": ["example", "sample-config", "init"],
        "--config-schema": ["schema", "json-schema"],
        "--help-all": ["help-full", "full-help", "all"],
        "--version": ["V"],
    ]

    /// Returns a name without the marks of its source: `--cache-ttl`, `DOORMAN_CACHE_TTL` and `cache.ttl` are all `cache-ttl`.
    static func plain(_ name: String) -> String {
        var rest = name[...]
        if rest.hasPrefix("DOORMAN_") { rest = rest.dropFirst("DOORMAN_".count) }
        rest = rest.drop { $0 == "-" }
        // A single letter means something else as a capital.
        let text = rest.count == 1 ? String(rest) : rest.lowercased()
        return String(text.map { $0 == "." || $0 == "_" ? "-" : $0 })
    }

    private static func inverted(_ names: KeyValuePairs<String, [String]>) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.flatMap { target, names in names.map { ($0, target) } })
    }
}
