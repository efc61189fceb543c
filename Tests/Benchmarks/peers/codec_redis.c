// The part of RESP for GET: https://redis.io/docs/latest/develop/reference/protocol-spec/. Responses have the order of the requests.
#include <stdio.h>
#include <string.h>

#include "codec.h"

struct state {
    uint32_t last_id;   // the id of the last response
};

static size_t request(struct connection *connection, uint32_t id, struct token token, uint8_t *out) {
    (void)connection, (void)id;
    static uint8_t head[32];
    static int head_length;
    static uint32_t head_for;
    // Tokens usually have one length, so the text is cached.
    if (head_for != token.length) {
        head_length = snprintf((char *)head, sizeof head, "*2\r\n$3\r\nGET\r\n$%u\r\n", token.length);
        head_for = token.length;
    }
    memcpy(out, head, (size_t)head_length);
    memcpy(out + head_length, token.bytes, token.length);
    memcpy(out + head_length + token.length, "\r\n", 2);
    return (size_t)head_length + token.length + 2;
}

static size_t decode(struct connection *connection, const uint8_t *bytes, size_t length) {
    struct state *state = connection->state;
    size_t done = 0;
    while (done < length) {
        const uint8_t *line = bytes + done;
        const uint8_t *line_end = memchr(line, '\n', length - done);
        if (line_end == NULL) break;
        size_t whole = (size_t)(line_end - line) + 1;
        const char *problem = NULL;
        if (line[0] == '$' && line[1] != '-') {
            size_t value = 0;
            for (const uint8_t *digit = line + 1; *digit >= '0' && *digit <= '9'; digit++) value = value * 10 + (*digit - '0');
            whole += value + 2;
            if (done + whole > length) break;
            if (value != response_bytes) problem = "a value of another length";
        } else if (line[0] == '$') {
            problem = "no such key";
        } else if (line[0] == '-') {
            problem = "an error";
        } else {
            give_up("redis: not a response to GET: %.*s", (int)(line_end - line), (const char *)line);
        }
        state->last_id = state->last_id == 0 ? 1 : state->last_id + 2;
        struct call *call = find_call(connection, state->last_id);
        if (call == NULL) give_up("redis: a response without a call");
        complete_call(connection, call, problem);
        done += whole;
    }
    return done;
}

const struct codec redis_codec = {.name = "redis", .state_size = sizeof(struct state), .request = request, .decode = decode};
