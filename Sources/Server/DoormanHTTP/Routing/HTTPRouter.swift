internal import DoormanCore
package import DoormanServer
package import DoormanSupport
package import DoormanWire
internal import NIOCore

/// Decides about the HTTP requests of one connection, of any version of HTTP. It writes responses at once, or returns a call to start.
///
/// `docs/reference/http-api.md` is its contract.
package struct HTTPRouter {
    /// The time between two looks at the configuration. A reload applies after this time, and a request takes no lock.
    package static let refreshInterval = Duration.seconds(1)

    private let source: ReloadableHTTPConfiguration
    private var configuration: HTTPConfiguration
    /// The time of the next look; `nil` until the first turn.
    private var refreshAt: Instant?

    package init(_ source: ReloadableHTTPConfiguration) {
        self.source = source
        configuration = source.value
    }

    /// Applies a reloaded configuration. Called in each turn.
    package mutating func refresh(now: Instant) {
        if let refreshAt, now < refreshAt { return }
        configuration = source.value
        refreshAt = now.advanced(by: Self.refreshInterval)
    }

    /// Decides about a request by its head.
    package func respond(
        to request: borrowing HTTPRequestFields, _ dispatcher: RequestDispatcher, in context: inout RequestContext,
        to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        switch HTTPRoute(request.target) {
        case .forwardAuth(let profile):
            return forwardAuth(
                GatewayRequest(authorizations: request.facts.authorizations, timeout: nil), request.authorization,
                profile: self.profile(profile), dispatcher, &context, &writer)
        case .verify:
            return apiProblem(request, dispatcher, &writer) ?? verify(request, dispatcher, &context, &writer)
        case .exchange:
            return apiProblem(request, dispatcher, &writer)
                ?? needJSON(request, .exchange, .exchange, dispatcher, &context, &writer)
        case .revoke:
            return apiProblem(request, dispatcher, &writer) ?? needJSON(request, .revoke, .revoke, dispatcher, &context, &writer)
        case .introspection: return introspect(request, dispatcher, &context, &writer)
        case .unknown:
            return turnDown(.notFound, "The server has no such path.", dispatcher, to: &writer)
        }
    }

    /// Whether the HTTP API has this target.
    package static func serves(_ target: Span<UInt8>) -> Bool { HTTPRoute(target) != .unknown }

    /// Whether a request to this target needs its body. Others are decided by their heads.
    package static func needsBody(_ target: Span<UInt8>) -> Bool {
        switch HTTPRoute(target) {
        case .verify, .exchange, .revoke, .introspection: true
        case .forwardAuth, .unknown: false
        }
    }

    /// Answers a request whose body exceeds `server.max-frame-length`.
    package static func writeBodyTooLong(_ limits: ConnectionLimits, to writer: inout some HTTPResponseWriter) {
        let message = "The body exceeds the limit of \(limits.maximumFrameLength) bytes (server.max-frame-length)."
        HTTPFailures.write(FailureResponse(.frameTooLong, message), at: .api, to: &writer)
    }

    // MARK: - Forward auth

    /// What a gateway asks besides the token.
    private struct GatewayRequest {
        /// The number of `Authorization` headers.
        let authorizations: Int
        /// The caller's timeout; `nil` for the server's default.
        let timeout: Duration?
    }

    /// Decides about a request of Envoy's ext_authz, as about one of forward auth.
    ///
    /// - Parameters:
    ///   - timeout: The caller's timeout; `nil` for the server's default.
    ///   - writer: Writes a `CheckResponse`.
    package func respond(
        to request: CheckRequestView, timeout: Duration?, _ dispatcher: RequestDispatcher, in context: inout RequestContext,
        to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        let name = request.profile
        let profile: HTTPProfile? =
            if name.isEmpty {
                configuration.profiles.standard
            } else if name.count <= HTTPProfiles.maximumNameBytes, name.isVisibleASCII {
                configuration.profiles[String(decoding: name.array, as: UTF8.self)]
            } else {
                nil
            }
        return forwardAuth(
            GatewayRequest(authorizations: request.authorizationCount, timeout: timeout), request.authorization, profile: profile,
            dispatcher, &context, &writer)
    }

    private func forwardAuth(
        _ request: GatewayRequest, _ authorization: Span<UInt8>, profile: HTTPProfile?, _ dispatcher: RequestDispatcher,
        _ context: inout RequestContext, _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        guard let profile else {
            dispatcher.counters.note(CallerEvent(caller: context.caller.counted.name, kind: .unknownProfile))
            return fail(.providerMisconfigured, dispatcher, to: &writer)
        }
        guard request.authorizations <= 1 else {
            return fail(.malformedToken, dispatcher, to: &writer)
        }
        switch BearerCredentials(authorization) {
        case .token(let token):
            let decision = dispatcher.verify(
                authorization.extracting(token), requirements: profile.requirements, timeout: request.timeout, in: &context)
            return perform(decision, HTTPResponder(.forwardAuth(profile)), dispatcher, context, &writer)
        case .malformed:
            return fail(.malformedToken, dispatcher, to: &writer)
        case .otherScheme:
            dispatcher.counters.countFailure(.malformedToken, of: .verify)
            HTTPFailures.writeMissingToken(to: &writer)
            return .responded
        }
    }

    private func profile(_ name: HTTPRoute.ProfileName) -> HTTPProfile? {
        switch name {
        case .default: configuration.profiles.standard
        case .named(let name): configuration.profiles[name]
        }
    }

    // MARK: - The API

    /// Checks what all of `/v1` has in common: the method, and the header `Host` against browsers.
    ///
    /// - Returns: `nil` if there is no problem.
    private func apiProblem(
        _ request: borrowing HTTPRequestFields, _ dispatcher: RequestDispatcher, _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep? {
        guard request.method == .post else { return methodNotAllowed(dispatcher, to: &writer) }
        // A browser always sends the header.
        guard !request.facts.isOnLoopback || request.host.isEmpty || LoopbackHost.isValid(request.host) else {
            return turnDown(
                .misdirectedRequest,
                "On a loopback address, the header Host must be localhost or a loopback address.", dispatcher, to: &writer)
        }
        return nil
    }

    private func verify(
        _ request: borrowing HTTPRequestFields, _ dispatcher: RequestDispatcher, _ context: inout RequestContext,
        _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        guard request.facts.authorizations <= 1 else {
            return fail(
                FailureResponse(.malformedRequest, "The request has more than one Authorization header."), of: .verify,
                at: .api, dispatcher, to: &writer)
        }
        let credentials = BearerCredentials(request.authorization)
        if request.facts.authorizations == 1, case .malformed = credentials {
            return fail(
                FailureResponse(.malformedToken, "The Authorization header holds no bearer token."), of: .verify, at: .api,
                dispatcher, to: &writer)
        }
        var headerToken: Range<Int>?
        if case .token(let token) = credentials { headerToken = token }
        if request.facts.hasBody {
            let token = headerToken.map { Token(bytes: request.authorization.extracting($0).array) }
            return needJSON(request, .verify, .verify(token), dispatcher, &context, &writer)
        }
        guard let headerToken else {
            return fail(
                FailureResponse(.malformedToken, "The request has neither a header Authorization with a bearer token nor a body."),
                of: .verify, at: .api, dispatcher, to: &writer)
        }
        let decision = dispatcher.verify(request.authorization.extracting(headerToken), requirements: .none, in: &context)
        return perform(decision, HTTPResponder(.identity), dispatcher, context, &writer)
    }

    /// Asks for a JSON body, if the request has one and the caller may call the method.
    private func needJSON(
        _ request: borrowing HTTPRequestFields, _ method: Method, _ endpoint: HTTPBodyRequest.Endpoint,
        _ dispatcher: RequestDispatcher, _ context: inout RequestContext, _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        guard MediaType.isEqual(request.contentType, to: "application/json") else {
            return turnDown(.unsupportedMediaType, "Content-Type must be application/json.", dispatcher, to: &writer)
        }
        if let failure = dispatcher.checkPermission(for: method, in: &context) {
            return perform(failure, HTTPResponder(.identity), dispatcher, context, &writer)
        }
        return .needsBody(HTTPBodyRequest(endpoint: endpoint))
    }

    // MARK: - Introspection

    private func introspect(
        _ request: borrowing HTTPRequestFields, _ dispatcher: RequestDispatcher, _ context: inout RequestContext,
        _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        guard request.method == .post else { return methodNotAllowed(dispatcher, to: &writer) }
        guard MediaType.isEqual(request.contentType, to: "application/x-www-form-urlencoded") else {
            return turnDown(
                .unsupportedMediaType, "Content-Type must be application/x-www-form-urlencoded.", dispatcher, to: &writer)
        }
        let credentials: HTTPBodyRequest.ClientCredentials
        switch (configuration.introspectionClients, request.facts.authorizations) {
        case (nil, 1): credentials = .checked
        case (.some, 0): credentials = .inForm
        case (let clients?, 1) where clients.accepts(authorization: request.authorization): credentials = .checked
        default: return clientUnknown(dispatcher, to: &writer)
        }
        if let failure = dispatcher.checkPermission(for: .verify, in: &context) {
            return perform(failure, HTTPResponder(.introspection), dispatcher, context, &writer)
        }
        return .needsBody(HTTPBodyRequest(endpoint: .introspection(credentials)))
    }

    /// Answers a client without valid credentials.
    private func clientUnknown(_ dispatcher: RequestDispatcher, to writer: inout some HTTPResponseWriter) -> HTTPStep {
        dispatcher.counters.countFailure(.callerNotAllowed, of: .verify)
        HTTPFailures.write(
            .unauthorized, "The request needs an Authorization header with the credentials of a client.",
            (.wwwAuthenticate, #"Basic realm="doorman""#), to: &writer)
        return .responded
    }

    // MARK: - Bodies

    /// Decides about a request by its body.
    package func respond(
        to request: HTTPBodyRequest, body: [UInt8], _ dispatcher: RequestDispatcher, in context: inout RequestContext,
        to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        do throws(MalformedBody) {
            switch request.endpoint {
            case .verify(let token):
                let body = try VerifyBody(json: body)
                return try verify(body, token, dispatcher, &context, &writer)
            case .exchange:
                let decision = dispatcher.exchange(try ExchangeRequest(json: body, caller: context.caller.counted), in: &context)
                return perform(decision, HTTPResponder(.exchange), dispatcher, context, &writer)
            case .revoke:
                let decision = dispatcher.revoke(try RevocationRequest(json: body, caller: context.caller.counted), in: &context)
                return perform(decision, HTTPResponder(.revocation), dispatcher, context, &writer)
            case .introspection(let credentials):
                let form = try IntrospectionForm(body)
                guard credentials == .checked || accepts(form) else { return clientUnknown(dispatcher, to: &writer) }
                let decision = dispatcher.verify(form.token.bytes.span, requirements: .none, in: &context)
                return perform(decision, HTTPResponder(.introspection), dispatcher, context, &writer)
            }
        } catch {
            return fail(
                FailureResponse(.malformedRequest, error.message), of: request.method, at: request.httpEndpoint, dispatcher,
                to: &writer)
        }
    }

    private func verify(
        _ body: VerifyBody, _ headerToken: Token?, _ dispatcher: RequestDispatcher, _ context: inout RequestContext,
        _ writer: inout some HTTPResponseWriter
    ) throws(MalformedBody) -> HTTPStep {
        if headerToken != nil, body.token != nil {
            return fail(
                FailureResponse(.malformedRequest, "The request has a token in the body, and another in the header Authorization."),
                of: .verify, at: .api, dispatcher, to: &writer)
        }
        guard let token = body.token ?? headerToken else {
            return fail(
                FailureResponse(
                    .malformedRequest, "The request has no token: send one in the body or in the Authorization header."),
                of: .verify, at: .api, dispatcher, to: &writer)
        }
        let seconds = UInt32(clamping: body.maxAge?.components.seconds ?? 0)
        let decision = dispatcher.verify(
            token.bytes.span, requirements: body.requirements, maxAgeSeconds: seconds, notBefore: body.notBefore, in: &context)
        return perform(decision, HTTPResponder(.identity), dispatcher, context, &writer)
    }

    /// Whether a form has the credentials of a client.
    private func accepts(_ form: IntrospectionForm) -> Bool {
        guard let id = form.clientID, let secret = form.clientSecret else { return false }
        return configuration.introspectionClients?.accepts(id: id, secret: secret) ?? false
    }

    // MARK: - Outcomes

    private func perform(
        _ decision: RequestDecision, _ responder: HTTPResponder, _ dispatcher: RequestDispatcher, _ context: RequestContext,
        _ writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        switch decision {
        case .cached:
            responder.write(context.response, to: &writer, counters: dispatcher.counters)
            return .cached
        case .immediate(let data):
            responder.write(data.span, to: &writer, dispatcher.counters)
            return .responded
        case .asynchronous(let call, let timeout): return .started(call, timeout: timeout, responder)
        }
    }

    /// Fails a gateway's request, whose response shows no message.
    private func fail(
        _ failure: Failure, _ dispatcher: RequestDispatcher, to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        fail(FailureResponse(failure, ""), of: .verify, at: .forwardAuth, dispatcher, to: &writer)
    }

    /// Fails a request, and counts the failure.
    private func fail(
        _ failure: FailureResponse, of method: Method, at endpoint: HTTPEndpoint, _ dispatcher: RequestDispatcher,
        to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        dispatcher.counters.countFailure(failure.failure, of: method)
        HTTPFailures.write(failure, at: endpoint, to: &writer)
        return .responded
    }

    /// Turns down a request to no endpoint, or in a form that no endpoint takes.
    private func turnDown(
        _ status: HTTPStatus, _ detail: String, _ dispatcher: RequestDispatcher, to writer: inout some HTTPResponseWriter
    ) -> HTTPStep {
        dispatcher.counters.countFailure(.unimplemented, of: nil)
        HTTPFailures.write(status, detail, to: &writer)
        return .responded
    }

    private func methodNotAllowed(_ dispatcher: RequestDispatcher, to writer: inout some HTTPResponseWriter) -> HTTPStep {
        dispatcher.counters.countFailure(.unimplemented, of: nil)
        HTTPFailures.write(.methodNotAllowed, "The method must be POST.", (.allow, "POST"), to: &writer)
        return .responded
    }
}

extension HTTPBodyRequest {
    fileprivate var method: Method {
        switch endpoint {
        case .verify, .introspection: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        }
    }

    fileprivate var httpEndpoint: HTTPEndpoint {
        if case .introspection = endpoint { .introspection } else { .api }
    }
}

/// The type in a header `Content-Type`.
private enum MediaType {
    /// Whether the value is the type, with any parameters.
    static func isEqual(_ value: Span<UInt8>, to type: StaticString) -> Bool {
        var end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        while end > 0, [UInt8(ascii: " "), UInt8(ascii: "\t")].contains(value[end - 1]) { end -= 1 }
        return value.extracting(0..<end).isEqual(toLowercase: type)
    }
}
