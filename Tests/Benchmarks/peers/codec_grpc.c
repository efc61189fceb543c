// gRPC's unary call of doorman.v1.Auth/Verify over HTTP/2 without TLS (RFC 9113). From the second call on, headers come from the
// dynamic table. Windows are widened once. So a call costs the client little more than with the other protocols.
#include <string.h>

#include "codec.h"
#include "hpack.h"
#include "protobuf.h"

enum { HEADER = 9, PREFIX = 5 };
enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };
enum { INITIAL_WINDOW = 65535, WIDE_WINDOW = 1 << 30, MAX_CONCURRENT_STREAMS = 3, LONGEST_FRAME = 16 << 10 };

struct state {
    struct hpack_table table;
    int64_t send_window;   // of the connection; a stream's window is larger than a request
    uint32_t read_window;  // bytes that the server may still send
    bool has_sent_headers;
};

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

static uint8_t *put_header(uint8_t *out, uint32_t length, uint8_t type, uint8_t flags, uint32_t stream) {
    out = put_u32(out, length << 8 | type);
    *out++ = flags;
    return put_u32(out, stream);
}

static void send_frame(struct connection *connection, uint8_t type, uint8_t flags, const uint8_t *payload, uint32_t length) {
    if (connection->out_length + HEADER + length > OWN_FRAMES) give_up("grpc: too many frames that need a response");
    uint8_t *at = put_header(connection->out + connection->out_length, length, type, flags, 0);
    if (length > 0) memcpy(at, payload, length);
    connection->out_length += HEADER + length;
}

static void widen(struct connection *connection, uint32_t by) {
    uint8_t payload[4];
    put_u32(payload, by);
    send_frame(connection, WINDOW_UPDATE, 0, payload, sizeof payload);
}

static void greet(struct connection *connection) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct state *state = connection->state;
    hpack_start(&state->table);
    state->send_window = INITIAL_WINDOW;
    state->read_window = WIDE_WINDOW;
    memcpy(connection->out, preface, sizeof preface - 1);
    connection->out_length = sizeof preface - 1;
    send_frame(connection, SETTINGS, 0, NULL, 0);
    widen(connection, WIDE_WINDOW - INITIAL_WINDOW);
}

// Literals that both sides store (RFC 7541, section 6.2.1). Afterwards "te" has the index 62, and each earlier header one more.
static const uint8_t first_headers[] =
    "\x83\x86"                                // :method: POST, :scheme: http
    "\x44\x17/doorman.v1.Auth/Verify"         // :path
    "\x41\x09" "127.0.0.1"                    // :authority
    "\x5f\x10" "application/grpc"             // content-type
    "\x40\x02te\x08trailers";
static const uint8_t later_headers[] = {0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62};

static size_t request(struct connection *connection, uint32_t id, struct token token, uint8_t *out) {
    struct state *state = connection->state;
    uint32_t message = bytes_length(token.length);
    if (state->send_window < PREFIX + message) return 0;
    const uint8_t *headers = state->has_sent_headers ? later_headers : first_headers;
    uint32_t length = state->has_sent_headers ? sizeof later_headers : sizeof first_headers - 1;
    uint8_t *at = put_header(out, length, HEADERS, END_HEADERS, id);
    memcpy(at, headers, length);
    at = put_header(at + length, PREFIX + message, DATA, END_STREAM, id);
    *at++ = 0;  // not compressed
    at = put_u32(at, message);
    at = put_bytes(at, 1, token.bytes, token.length);
    state->send_window -= PREFIX + message;
    state->has_sent_headers = true;
    return (size_t)(at - out);
}

static void take_settings(const uint8_t *payload, uint32_t length, struct connection *connection) {
    for (uint32_t at = 0; at + 6 <= length; at += 6) {
        uint32_t value = u32(payload + at + 2);
        unsigned setting = (unsigned)payload[at] << 8 | payload[at + 1];
        if (setting == MAX_CONCURRENT_STREAMS && value < connection->depth) give_up("grpc: too few streams: %u", value);
    }
}

static void take_data(struct connection *connection, uint32_t stream, uint32_t length) {
    struct state *state = connection->state;
    struct call *call = find_call(connection, stream);
    if (call == NULL) give_up("grpc: data without a call");
    call->received += length;
    state->read_window -= length;
    if (state->read_window < WIDE_WINDOW / 2) {
        widen(connection, WIDE_WINDOW - state->read_window);
        state->read_window = WIDE_WINDOW;
    }
}

static void take_headers(struct connection *connection, uint32_t stream, uint8_t flags, const uint8_t *payload, uint32_t length) {
    struct state *state = connection->state;
    if ((flags & END_HEADERS) == 0 || (flags & (PADDED | PRIORITY)) != 0) give_up("grpc: unexpected flags of headers");
    enum hpack_finding finding = hpack_read(&state->table, payload, length);
    if (finding == HPACK_BROKEN) give_up("grpc: headers that no success has: those of a failure, or malformed ones");
    if ((flags & END_STREAM) == 0) return;
    struct call *call = find_call(connection, stream);
    if (call == NULL) give_up("grpc: trailers without a call");
    const char *problem = NULL;
    if (finding != HPACK_STATUS_OK) problem = "a grpc-status that is not 0";
    else if (call->received != PREFIX + response_bytes) problem = "a message of another length";
    complete_call(connection, call, problem);
}

static void take_frame(struct connection *connection, const uint8_t *frame, uint32_t length) {
    struct state *state = connection->state;
    const uint8_t *payload = frame + HEADER;
    uint8_t type = frame[3], flags = frame[4];
    uint32_t stream = u32(frame + 5) & 0x7fffffff;
    switch (type) {
    case DATA:
        if (flags & PADDED) give_up("grpc: padded data");
        take_data(connection, stream, length);
        break;
    case HEADERS:
        take_headers(connection, stream, flags, payload, length);
        break;
    case SETTINGS:
        if (flags & ACK) break;
        take_settings(payload, length, connection);
        send_frame(connection, SETTINGS, ACK, NULL, 0);
        break;
    case PING:
        if ((flags & ACK) == 0 && length == 8) send_frame(connection, PING, ACK, payload, length);
        break;
    case WINDOW_UPDATE:
        if (stream == 0 && length == 4) state->send_window += u32(payload) & 0x7fffffff;
        break;
    case RST_STREAM:
    case GOAWAY:
    case CONTINUATION:
        give_up("grpc: unexpected frame of type %u", type);
    }
}

static size_t decode(struct connection *connection, const uint8_t *bytes, size_t length) {
    size_t done = 0;
    while (length - done >= HEADER) {
        uint32_t payload = u32(bytes + done) >> 8;
        if (payload > LONGEST_FRAME) give_up("grpc: a frame above the allowed length");
        if (length - done < HEADER + payload) break;
        take_frame(connection, bytes + done, payload);
        done += HEADER + payload;
    }
    return done;
}

const struct codec grpc_codec = {
    .name = "grpc", .state_size = sizeof(struct state), .greet = greet, .request = request, .decode = decode};
