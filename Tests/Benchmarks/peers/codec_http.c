// A gateway's question over HTTP/1.1 (RFC 9112): GET /auth with a bearer token. Responses have the order of the requests, and no body.
// Connections stay open. Gateways wait for each response; with a depth above 1, requests are pipelined.
#define _GNU_SOURCE
#include <string.h>

#include "codec.h"

enum { LONGEST_HEAD = 16 << 10 };

struct state {
    uint32_t last_id;   // the id of the last response
};

static const char before_token[] = "GET /auth HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ", after_token[] = "\r\n\r\n";
static const char success[] = "HTTP/1.1 200 ", no_body[] = "\r\nContent-Length: 0\r\n", end_of_head[] = "\r\n\r\n";

static size_t request(struct connection *connection, uint32_t id, struct token token, uint8_t *out) {
    (void)connection, (void)id;
    memcpy(out, before_token, sizeof before_token - 1);
    uint8_t *at = out + sizeof before_token - 1;
    memcpy(at, token.bytes, token.length);
    at += token.length;
    memcpy(at, after_token, sizeof after_token - 1);
    return (size_t)(at - out) + sizeof after_token - 1;
}

static const uint8_t *find(const uint8_t *bytes, size_t length, const char *text, size_t text_length) {
    return memmem(bytes, length, text, text_length);
}

static size_t decode(struct connection *connection, const uint8_t *bytes, size_t length) {
    struct state *state = connection->state;
    size_t done = 0;
    while (done < length) {
        const uint8_t *head = bytes + done;
        const uint8_t *end = find(head, length - done, end_of_head, sizeof end_of_head - 1);
        if (end == NULL) {
            if (length - done > LONGEST_HEAD) give_up("http: a response without an end");
            break;
        }
        size_t whole = (size_t)(end - head) + sizeof end_of_head - 1;
        if (memcmp(head, "HTTP/1.1 ", 9) != 0) give_up("http: not a response");
        // Otherwise the end of the response is unknown.
        if (find(head, whole, no_body, sizeof no_body - 1) == NULL) give_up("http: a response with a body: %.*s", (int)whole, (const char *)head);
        const char *problem = NULL;
        if (memcmp(head, success, sizeof success - 1) != 0) problem = "a status that is not 200";
        else if (whole != response_bytes) problem = "a response of another length";
        state->last_id = state->last_id == 0 ? 1 : state->last_id + 2;
        struct call *call = find_call(connection, state->last_id);
        if (call == NULL) give_up("http: a response without a call");
        complete_call(connection, call, problem);
        done += whole;
    }
    return done;
}

const struct codec http_codec = {.name = "http", .state_size = sizeof(struct state), .request = request, .decode = decode};
