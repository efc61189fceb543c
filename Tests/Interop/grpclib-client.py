#!/usr/bin/env python3
"""Calls Doorman with grpclib, whose HTTP/2 is that of the package h2. The scenarios are those of grpcio-client.py."""

import asyncio
import random
import sys
import time

import grpclib
from doorman_messages import HealthCheckRequest, HealthCheckResponse, Identity, VerifyRequest, check, end, reason, retry_delay
from grpclib.client import Channel, Handler, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoCodec
from grpclib.protocol import H2Protocol

VERIFY = "/doorman.v1.Auth/Verify"


class Details(StatusDetailsCodecBase):
    """Leaves the details of a failure as they are. grpclib's own codec needs generated code."""

    def encode(self, status, message, details):
        raise NotImplementedError

    def decode(self, status, message, data):
        return data


class Client:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.channel = Channel(host, int(port), codec=ProtoCodec(), status_details_codec=Details())
        self.verify = self.method(VERIFY, VerifyRequest, Identity)
        self.health = self.method("/grpc.health.v1.Health/Check", HealthCheckRequest, HealthCheckResponse)

    def method(self, path, request, response):
        return UnaryUnaryMethod(self.channel, path, request, response)

    async def __aenter__(self):
        await self.channel.__connect__()
        self.protocol = self.channel._protocol
        return self

    async def __aexit__(self, *_):
        self.channel.close()

    def stays_connected(self):
        return self.channel._protocol is self.protocol and not self.protocol.handler.connection_lost


async def failure(method, message):
    """Returns the failure of a call, and the trailers' details and retry hint."""
    try:
        async with method.open(timeout=10) as stream:
            await stream.send_message(message, end=True)
            result = await stream.recv_message()
    except grpclib.GRPCError as error:
        # Of the headers of gRPC, trailing_metadata has none. Those of Trailers-Only are the first headers.
        return error.status, error.details, dict(stream._stream.headers).get("grpc-retry-pushback-ms"), error
    check(False, "no failure, but", result)


async def verdicts(address, token):
    async with Client(address) as client:
        check((await client.health(HealthCheckRequest(), timeout=10)).status == 1, "health")
        identity = await client.verify(VerifyRequest(token=token.encode()), timeout=10)
        check(identity.phone.number == "+15551234567", "identity", identity)
        status, details, hint, error = await failure(client.verify, VerifyRequest(token=b"EMAWnobodys"))
        check(status == Status.UNAUTHENTICATED and reason(details) == "TOKEN_REJECTED" and hint is None, "rejected", error)
        check(error.message and retry_delay(details) is None, "message", error)
        status, details, _, error = await failure(client.verify, VerifyRequest(token=b"EAAfacebook"))
        check(status == Status.INVALID_ARGUMENT and reason(details) == "MALFORMED_TOKEN", "malformed", error)
        accounts = client.method("/doorman.v1.Accounts/List", VerifyRequest, Identity)
        status, details, _, error = await failure(accounts, VerifyRequest())
        check(status == Status.PERMISSION_DENIED and reason(details) == "CALLER_NOT_ALLOWED", "not allowed", error)
        status, _, _, error = await failure(client.method("/doorman.v1.Auth/Nothing", VerifyRequest, Identity), VerifyRequest())
        check(status == Status.UNIMPLEMENTED, "unknown method", error)
        status, details, _, error = await failure(client.verify, VerifyRequest(token=b"E" * 100_000))
        check(status == Status.RESOURCE_EXHAUSTED and reason(details) == "LIMIT_FRAME_LENGTH", "too long", error)
        calls = [client.verify(VerifyRequest(token=token.encode()), timeout=20) for _ in range(300)]
        identities = await asyncio.gather(*calls)
        check(all(found.account_id == identity.account_id for found in identities), "concurrent calls")
        check(client.stays_connected(), "connection")


async def unavailable(address, token):
    async with Client(address) as client:
        status, details, hint, error = await failure(client.verify, VerifyRequest(token=token.encode()))
        check(status == Status.UNAVAILABLE and reason(details) == "PROVIDER_BUSY", "busy", error, reason(details))
        check(retry_delay(details) > 0, "RetryInfo", error)
        check(abs(int(hint) - 1000 * retry_delay(details)) <= 1, "grpc-retry-pushback-ms", hint)


async def deadline(address, token):
    async with Client(address) as client:
        began = time.monotonic()
        try:
            await client.verify(VerifyRequest(token=token.encode()), timeout=0.3)
            check(False, "no failure")
        except asyncio.TimeoutError:
            pass
        except grpclib.GRPCError as error:
            check(error.status == Status.DEADLINE_EXCEEDED, "deadline", error)
        check(0.2 < time.monotonic() - began < 3, "time")
        check(client.stays_connected(), "connection")


async def cancellations(address, token, cached, seconds):
    async with Client(address) as client:
        end, count = time.monotonic() + float(seconds), 0
        await client.verify(VerifyRequest(token=cached.encode()), timeout=10)
        while time.monotonic() < end:
            calls = [
                asyncio.ensure_future(client.verify(VerifyRequest(token=token.encode()), timeout=random.choice([None, 0.02, 5])))
                for _ in range(50)]
            await asyncio.sleep(random.random() * 0.04)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            count += len(calls)
        await client.verify(VerifyRequest(token=cached.encode()), timeout=10)
        check(client.stays_connected(), "connection")
        print(count, "calls were given up")


class DrainProtocol(H2Protocol):
    """Notes the error code of GOAWAY. The package h2 takes the connection for closed then, and the PING that follows for an error of the
    server, so that grpclib's own errors don't tell."""

    go_away = None
    received = b""

    def data_received(self, data):
        self.received += data
        while len(self.received) >= (end := 9 + int.from_bytes(self.received[:3], "big")) and len(self.received) >= 9:
            if self.received[3] == 7:
                self.go_away = int.from_bytes(self.received[13:17], "big")
            self.received = self.received[end:]
        super().data_received(data)


class DrainChannel(Channel):
    def _protocol_factory(self):
        return DrainProtocol(Handler(), self._config, self._h2_config)


async def succeeds(channel, token):
    """Returns whether a call succeeded. Otherwise it may be repeated, because it was not sent, or ended at REFUSED_STREAM or at a
    GOAWAY that names no error: grpclib then ends all calls of the connection. Any other failure ends the program."""
    protocol = None
    try:
        async with UnaryUnaryMethod(channel, VERIFY, VerifyRequest, Identity).open(timeout=10) as stream:
            await stream.send_request()
            protocol = channel._protocol
            await stream.send_message(VerifyRequest(token=token.encode()), end=True)
            identity = await stream.recv_message()
    except Exception as error:
        if protocol is not None:
            check(isinstance(error, grpclib.exceptions.StreamTerminatedError), "a call of a draining server", repr(error))
            is_refused = "remote party, error_code: 7" in str(error)
            check(is_refused or protocol.go_away == 0, "a call of a draining server", repr(error), protocol.go_away)
        return False
    check(identity.account_id, "identity", identity)
    return True


async def drain(addresses, token, seconds):
    channels = [DrainChannel(*address.rsplit(":", 1)) for address in addresses.split(",")]
    chosen, counts, repeated, end = 0, [0, 0], 0, time.monotonic() + float(seconds)

    async def load():
        nonlocal chosen, repeated
        while time.monotonic() < end:
            index = chosen
            if await succeeds(channels[index], token):
                counts[index] += 1
            else:
                repeated += 1
                chosen = 1 - index

    loads = [asyncio.ensure_future(load()) for _ in range(8)]
    print("ready", flush=True)
    await asyncio.gather(*loads)
    check(repeated <= len(loads), "the calls of one GOAWAY", repeated)
    check(chosen == 1 and min(counts) > 0, "the other server", chosen, counts)
    print(sum(counts), "calls succeeded,", repeated, "were repeated")


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
print("all is well")
end(0)
