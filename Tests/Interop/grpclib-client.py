#!/usr/bin/env python3
"""Calls Doorman with grpclib, whose HTTP/2 is that of the package h2. The scenarios are those of grpcio-client.py, without drain:
grpclib knows one address, and does not repeat a call that the server refused."""

import asyncio
import random
import sys
import time

import grpclib
from doorman_messages import HealthCheckRequest, HealthCheckResponse, Identity, VerifyRequest, check, end
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status


class Client:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.channel = Channel(host, int(port))
        self.verify = self.method("/doorman.v1.Auth/Verify", VerifyRequest, Identity)
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


async def failure(call, message, timeout):
    try:
        result = await call(message, timeout=timeout)
    except grpclib.GRPCError as error:
        details = error.details
        return error.status, "" if details is None else reason_of(details), error
    check(False, "no failure, but", result)


def reason_of(details):
    """grpclib decodes the details that its pool knows, and leaves out the others."""
    return next((detail.reason for detail in details if hasattr(detail, "reason")), "")


async def verdicts(address, token):
    async with Client(address) as client:
        check((await client.health(HealthCheckRequest(), timeout=10)).status == 1, "health")
        identity = await client.verify(VerifyRequest(token=token.encode()), timeout=10)
        check(identity.phone.number == "+15551234567", "identity", identity)
        status, _, error = await failure(client.verify, VerifyRequest(token=b"EMAWnobodys"), 10)
        check(status == Status.UNAUTHENTICATED and error.message, "rejected", error)
        status, _, error = await failure(client.verify, VerifyRequest(token=b"EAAfacebook"), 10)
        check(status == Status.INVALID_ARGUMENT, "malformed", error)
        status, _, error = await failure(client.method("/doorman.v1.Auth/Nothing", VerifyRequest, Identity), VerifyRequest(), 10)
        check(status == Status.UNIMPLEMENTED, "unknown method", error)
        calls = [client.verify(VerifyRequest(token=token.encode()), timeout=20) for _ in range(300)]
        identities = await asyncio.gather(*calls)
        check(all(found.account_id == identity.account_id for found in identities), "concurrent calls")
        check(client.stays_connected(), "connection")


async def unavailable(address, token):
    async with Client(address) as client:
        status, _, error = await failure(client.verify, VerifyRequest(token=token.encode()), 10)
        check(status == Status.UNAVAILABLE and error.message, "busy", error)


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


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
print("all is well")
end(0)
