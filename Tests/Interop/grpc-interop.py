#!/usr/bin/env python3
"""Plays the unary cases of gRPC's interoperability tests (grpc/doc/interop-test-descriptions.md) with grpcio:
grpc-interop.py ADDRESS DESCRIPTORS, where DESCRIPTORS is the descriptor set of interop.proto."""

import pathlib
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, descriptors = sys.argv[1:]
pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(descriptors).read_bytes()).file:
    pool.Add(file)
messages = {
    name: message_factory.GetMessageClass(pool.FindMessageTypeByName("grpc.testing." + name))
    for name in ["Empty", "SimpleRequest", "SimpleResponse"]}
Empty, SimpleRequest, SimpleResponse = messages.values()
channel = grpc.insecure_channel(address)


def method(name, response, service="grpc.testing.TestService"):
    return channel.unary_unary(f"/{service}/{name}", lambda message: message.SerializeToString(), response.FromString)


empty_call, unary_call = method("EmptyCall", Empty), method("UnaryCall", SimpleResponse)


def check(condition, *what):
    if not condition:
        raise SystemExit(f"failed: {sys._getframe(1).f_code.co_name} {what}")


def failure(call, *arguments, **options):
    try:
        call(*arguments, timeout=20, **options)
    except grpc.RpcError as error:
        return error
    raise SystemExit("failed: a call that must fail did not")


def empty_unary():
    check(empty_call(Empty(), timeout=20) == Empty())


def large_request(**more):
    return SimpleRequest(response_size=314159, payload={"body": bytes(271828)}, **more)


def large_unary():
    check(unary_call(large_request(), timeout=20).payload.body == bytes(314159))


def client_compressed_unary():
    """The server knows no compression, and has to say so. A message that is not compressed works all the same."""
    error = failure(unary_call, large_request(expect_compressed={"value": True}), compression=grpc.Compression.Gzip)
    check(error.code() == grpc.StatusCode.UNIMPLEMENTED, error)
    check(unary_call(large_request(expect_compressed={"value": False}), timeout=20).payload.body == bytes(314159))


def custom_metadata():
    sent = [("x-grpc-test-echo-initial", "test_initial_metadata_value"), ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")]
    response, call = unary_call.with_call(large_request(), timeout=20, metadata=sent)
    check(len(response.payload.body) == 314159)
    check(dict(call.initial_metadata())["x-grpc-test-echo-initial"] == "test_initial_metadata_value", call.initial_metadata())
    check(dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == b"\xab\xab\xab", call.trailing_metadata())


def status(code, message):
    error = failure(unary_call, SimpleRequest(response_status={"code": code, "message": message}))
    check(error.code() == grpc.StatusCode.UNKNOWN and error.details() == message, error)


def status_code_and_message():
    status(2, "test status message")


def special_status_message():
    status(2, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")


def unimplemented_method():
    check(failure(method("UnimplementedCall", Empty), Empty()).code() == grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service():
    call = method("UnimplementedCall", Empty, service="grpc.testing.UnimplementedService")
    check(failure(call, Empty()).code() == grpc.StatusCode.UNIMPLEMENTED)


def concurrent_large_unary():
    for _ in range(10):
        calls = [unary_call.future(large_request(), timeout=60) for _ in range(16)]
        check(all(call.result().payload.body == bytes(314159) for call in calls))


for case in [
        empty_unary, large_unary, client_compressed_unary, custom_metadata, status_code_and_message, special_status_message,
        unimplemented_method, unimplemented_service, concurrent_large_unary]:
    case()
    print(case.__name__)
