#!/usr/bin/env python3
"""Calls Doorman with grpcio, as a service in Python would. IntegrationTests runs its scenarios:

  verdicts ADDRESS TOKEN                      a good token, bad tokens, wrong calls, health
  unavailable ADDRESS TOKEN                   the provider throttles
  deadline ADDRESS TOKEN                      the provider hangs
  cancellations ADDRESS TOKEN CACHED SECONDS  the provider hangs, and callers give up
  drain ADDRESSES TOKEN SECONDS               a server ends under load, once "ready" is printed
  ext_authz ADDRESS TOKEN                     Envoy's ext_authz: a good token, a bad one, none
  ext_authz_unavailable ADDRESS TOKEN         the provider throttles
  ext_authz_deadline ADDRESS TOKEN            the provider hangs
"""

import random
import sys
import threading
import time

import grpc
from doorman_messages import (
    CheckRequest, CheckResponse, HealthCheckRequest, HealthCheckResponse, Identity, VerifyRequest, check, end, reason, retry_delay)


class Client:
    def __init__(self, address, options=()):
        # A subchannel pool of its own: channels of a process share connections otherwise.
        self.channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1), *options])
        self.states = []
        self.channel.subscribe(self.states.append)
        self.verify = self.method("/doorman.v1.Auth/Verify", Identity)
        self.health = self.method("/grpc.health.v1.Health/Check", HealthCheckResponse)

    def method(self, path, response):
        return self.channel.unary_unary(
            path, request_serializer=lambda message: message.SerializeToString(), response_deserializer=response.FromString)

    def stays_connected(self):
        """Whether the connection was never lost after it was made."""
        states = self.states
        return grpc.ChannelConnectivity.READY in states and states[-1] == grpc.ChannelConnectivity.READY and (
            len(states) - states.index(grpc.ChannelConnectivity.READY) == 1)


def failure(call, *arguments, **options):
    """Returns the failure of a call, and the trailers' details and retry hint."""
    try:
        result = call(*arguments, **options)
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        return error.code(), trailers.get("grpc-status-details-bin"), trailers.get("grpc-retry-pushback-ms"), error
    check(False, "no failure, but", result)


def verdicts(address, token):
    client = Client(address)
    check(client.health(HealthCheckRequest(), timeout=10).status == 1, "health")
    identity = client.verify(VerifyRequest(token=token.encode()), timeout=10)
    check(identity.account_id and identity.phone.number == "+15551234567", "identity", identity)
    code, details, hint, error = failure(client.verify, VerifyRequest(token=b"EMAWnobodys"), timeout=10)
    check(code == grpc.StatusCode.UNAUTHENTICATED and reason(details) == "TOKEN_REJECTED" and hint is None, "rejected", error)
    code, details, _, error = failure(client.verify, VerifyRequest(token=b"EAAfacebook"), timeout=10)
    check(code == grpc.StatusCode.INVALID_ARGUMENT and reason(details) == "MALFORMED_TOKEN", "malformed", error)
    code, details, _, error = failure(client.method("/doorman.v1.Accounts/List", Identity), VerifyRequest(), timeout=10)
    check(code == grpc.StatusCode.PERMISSION_DENIED and reason(details) == "CALLER_NOT_ALLOWED", "not allowed", error)
    code, _, _, error = failure(client.method("/doorman.v1.Auth/Nothing", Identity), VerifyRequest(), timeout=10)
    check(code == grpc.StatusCode.UNIMPLEMENTED, "unknown method", error)
    code, details, _, error = failure(client.verify, VerifyRequest(token=b"E" * 100_000), timeout=10)
    check(code == grpc.StatusCode.RESOURCE_EXHAUSTED and reason(details) == "LIMIT_FRAME_LENGTH", "too long", error)
    # A message that gets no shorter would not be compressed.
    code, _, _, error = failure(client.verify, VerifyRequest(token=b"E" * 1000), timeout=10, compression=grpc.Compression.Gzip)
    check(code == grpc.StatusCode.UNIMPLEMENTED, "compressed", error)
    calls = [client.verify.future(VerifyRequest(token=token.encode()), timeout=20) for _ in range(500)]
    check(all(call.result().account_id == identity.account_id for call in calls), "concurrent calls")
    check(client.stays_connected(), "connection", client.states)


def unavailable(address, token):
    code, details, hint, error = failure(Client(address).verify, VerifyRequest(token=token.encode()), timeout=10)
    check(code == grpc.StatusCode.UNAVAILABLE and reason(details) == "PROVIDER_BUSY", "busy", error, reason(details))
    check(retry_delay(details) > 0, "RetryInfo", error)
    check(abs(int(hint) - 1000 * retry_delay(details)) <= 1, "grpc-retry-pushback-ms", hint)


def deadline(address, token):
    client, began = Client(address), time.monotonic()
    code, _, _, error = failure(client.verify, VerifyRequest(token=token.encode()), timeout=0.3)
    check(code == grpc.StatusCode.DEADLINE_EXCEEDED, "deadline", error)
    check(0.2 < time.monotonic() - began < 3, "time", time.monotonic() - began)
    check(client.stays_connected(), "connection", client.states)


def cancellations(address, token, cached, seconds):
    client, end, count = Client(address), time.monotonic() + float(seconds), 0
    client.verify(VerifyRequest(token=cached.encode()), timeout=10)
    while time.monotonic() < end:
        calls = [
            client.verify.future(VerifyRequest(token=token.encode()), timeout=random.choice([None, 0.02, 5])) for _ in range(100)]
        time.sleep(random.random() * 0.04)
        for call in calls:
            call.cancel()
        count += len(calls)
    client.verify(VerifyRequest(token=cached.encode()), timeout=10)
    check(client.stays_connected(), "connection", client.states)
    print(count, "calls were given up")


def drain(addresses, token, seconds):
    client, failures, counts = Client(addresses), [], [0] * 8
    client.verify(VerifyRequest(token=token.encode()), timeout=10)
    end = time.monotonic() + float(seconds)

    def load(index):
        while time.monotonic() < end:
            try:
                client.verify(VerifyRequest(token=token.encode()), timeout=10)
                counts[index] += 1
            except grpc.RpcError as error:
                failures.append(error)

    threads = [threading.Thread(target=load, args=[index]) for index in range(len(counts))]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()
    check(not failures, f"{len(failures)} calls", failures[:3])
    print(sum(counts), "calls succeeded")


def authorize(address, token, raw=False, timeout=None):
    """Asks as Envoy does for a request with a token, or without one. The client spoofs a header."""
    request = CheckRequest()
    http = request.attributes.request.http
    http.method, http.path, http.host = "GET", "/orders", "shop.example"
    headers = {"x-doorman-account-id": b"spoofed", **({"authorization": b"Bearer " + token.encode()} if token else {})}
    for name, value in headers.items():
        if raw:
            http.header_map.headers.add(key=name, raw_value=value)
        else:
            http.headers[name] = value
    return Client(address).method("/envoy.service.auth.v3.Authorization/Check", CheckResponse)(request, timeout=timeout)


def values(options):
    """Returns the headers of a response. Each replaces the client's, even if it is empty."""
    for option in options:
        check(option.append_action == 2 and option.keep_empty_value, "replaces", option)
    return {option.header.key: option.header.value.decode() for option in options}


def denied(response, code, status):
    """Returns the headers of a denial."""
    check(response.WhichOneof("http_response") == "denied_response", "denied_response", response)
    check(response.status.code == code and response.denied_response.status.code == status, "codes", response)
    return values(response.denied_response.headers)


def ext_authz(address, token):
    for raw in [False, True]:
        response = authorize(address, token, raw)
        check(response.status.code == 0 and response.WhichOneof("http_response") == "ok_response", "allowed", response)
        headers = values(response.ok_response.headers)
        names = ["account-id", "application-id", "phone", "email", "provider", "scopes", "freshness"]
        check(sorted(headers) == sorted("x-doorman-" + name for name in names), "all headers", headers)
        check(headers["x-doorman-account-id"].isdigit() and headers["x-doorman-provider"] == "account-kit", "identity", headers)
        check(headers["x-doorman-phone"] == "+15551234567" and headers["x-doorman-email"] == "", "contact", headers)
        challenge = denied(authorize(address, "EMAWnobodys", raw), 16, 401)["www-authenticate"]
        check(challenge.startswith("Bearer") and 'error="invalid_token"' in challenge, "rejected", challenge)
        challenge = denied(authorize(address, None, raw), 16, 401)["www-authenticate"]
        check(challenge.startswith("Bearer") and "error" not in challenge, "no token", challenge)


def ext_authz_unavailable(address, token):
    check(int(denied(authorize(address, token), 14, 503)["retry-after"]) >= 1, "retry-after")


def ext_authz_deadline(address, token):
    """A call that fails would be a failure of Envoy's filter, which can be told to let requests pass."""
    # The server's default deadline, and the timeout of Envoy's page.
    for timeout in [None, 2.5]:
        began = time.monotonic()
        check(int(denied(authorize(address, token, timeout=timeout), 14, 503)["retry-after"]) >= 1, "retry-after")
        check(time.monotonic() - began < 2.5, "time", time.monotonic() - began)


globals()[sys.argv[1]](*sys.argv[2:])
print("all is well")
end(0)
