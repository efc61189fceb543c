"""The messages of Doorman, from the descriptor set that the repository has: no generated code."""

import os
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_files = descriptor_pb2.FileDescriptorSet.FromString(
    (pathlib.Path(__file__).resolve().parents[2] / "Protos/doorman.binpb").read_bytes())
_pool = descriptor_pool.DescriptorPool()
for _file in _files.file:
    _pool.Add(_file)


def message(name):
    """Returns the class of a message."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(name))


VerifyRequest = message("doorman.v1.VerifyRequest")
Identity = message("doorman.v1.Identity")
HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")
CheckRequest = message("envoy.service.auth.v3.CheckRequest")
CheckResponse = message("envoy.service.auth.v3.CheckResponse")
Status = message("google.rpc.Status")
ErrorInfo = message("google.rpc.ErrorInfo")
RetryInfo = message("google.rpc.RetryInfo")


def reason(details):
    """Returns the reason in the bytes of a `google.rpc.Status`: that of Doorman's failure contract."""
    for detail in Status.FromString(details or b"").details:
        if detail.type_url.endswith("google.rpc.ErrorInfo"):
            info = ErrorInfo.FromString(detail.value)
            assert info.domain == "doorman", info
            return info.reason
    return ""


def retry_delay(details):
    """Returns the delay of the retry hint in seconds; `None` without a hint."""
    for detail in Status.FromString(details or b"").details:
        if detail.type_url.endswith("google.rpc.RetryInfo"):
            delay = RetryInfo.FromString(detail.value).retry_delay
            return delay.seconds + delay.nanos / 1e9
    return None


def check(condition, what, *details):
    if not condition:
        print(f"failed: {what} {details}")
        end(1)


def end(status):
    """Ends the program. A channel whose state is watched has a thread that Python would wait for."""
    sys.stdout.flush()
    os._exit(status)
