// Verify in Doorman's wire protocol: docs/reference/wire-protocol.md. Responses have any order.
#include <string.h>

#include "codec.h"
#include "protobuf.h"

enum { HEADER = 10, REQUEST = 1, RESPONSE = 2, LONGEST_DATA = 4 << 20 };

static const char service[] = "doorman.v1.Auth", method[] = "Verify";

static uint8_t *put_u32(uint8_t *out, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(out, &value, 4);
    return out + 4;
}

static uint32_t u32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, 4);
    return __builtin_bswap32(value);
}

static size_t request(struct connection *connection, uint32_t id, struct token token, uint8_t *out) {
    (void)connection;
    uint32_t payload = bytes_length(token.length);
    uint32_t data = bytes_length(sizeof service - 1) + bytes_length(sizeof method - 1) + bytes_length(payload);
    uint8_t *at = put_u32(out, data);
    at = put_u32(at, id);
    *at++ = REQUEST;
    *at++ = 0;
    at = put_bytes(at, 1, service, sizeof service - 1);
    at = put_bytes(at, 2, method, sizeof method - 1);
    *at++ = 3 << 3 | 2;
    at = put_varint(at, payload);
    at = put_bytes(at, 1, token.bytes, token.length);
    return (size_t)(at - out);
}

// Returns the name of a status code; null for OK. The code is the first field and is omitted for OK.
static const char *problem_of_status(const uint8_t *at, const uint8_t *end) {
    static const char *const codes[] = {
        NULL, "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    if (end - at < 2 || at[0] != 1 << 3) return NULL;
    return at[1] < sizeof codes / sizeof *codes ? codes[at[1]] : "an unknown code";
}

// Returns the problem with a ttrpc.Response; null for OK with a payload of the expected length.
static const char *problem_of(const uint8_t *at, const uint8_t *end) {
    const char *problem = "no payload";
    while (at != NULL && at < end) {
        uint64_t length;
        uint8_t tag = *at++;
        at = take_varint(at, end, &length);
        if (at == NULL || length > (uint64_t)(end - at)) break;
        if (tag == (1 << 3 | 2)) {
            const char *failure = problem_of_status(at, at + length);
            if (failure != NULL) return failure;
        } else if (tag == (2 << 3 | 2)) {
            problem = length == response_bytes || (response_bytes == 0 && length > 0) ? NULL : "a payload of another length";
        } else {
            return "an unknown field";
        }
        at += length;
    }
    return at == end ? problem : "an unfinished message";
}

static size_t decode(struct connection *connection, const uint8_t *bytes, size_t length) {
    size_t done = 0;
    while (length - done >= HEADER) {
        const uint8_t *frame = bytes + done;
        uint32_t data = u32(frame);
        if (data > LONGEST_DATA || frame[8] != RESPONSE) give_up("ttrpc: not a response");
        if (length - done < HEADER + data) break;
        struct call *call = find_call(connection, u32(frame + 4));
        if (call == NULL) give_up("ttrpc: a response without a call, with id %u", u32(frame + 4));
        complete_call(connection, call, problem_of(frame + HEADER, frame + HEADER + data));
        done += HEADER + data;
    }
    return done;
}

const struct codec ttrpc_codec = {.name = "ttrpc", .request = request, .decode = decode};
