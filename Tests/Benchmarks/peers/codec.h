// The load generator's view of a connection, and the interface of a protocol.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Maximum length of a request of any codec.
enum { LONGEST_TOKEN = 1024, LONGEST_REQUEST = LONGEST_TOKEN + 512 };
// Maximum bytes that a codec appends to `out` beside requests, between two writes.
enum { OWN_FRAMES = 4096 };

struct token {
    const char *bytes;
    uint32_t length;
};

// A call in flight. The id 0 marks a free slot.
struct call {
    uint32_t id;
    uint32_t received;  // bytes of the response so far, for protocols that send it in parts
    uint64_t start;     // time in nanoseconds when it was sent or, in an open loop, was due
};

struct tls;

struct connection {
    int fd;
    struct tls *tls;     // null without TLS
    uint32_t next_id;    // odd and rising, as HTTP/2 requires and ttrpc allows
    uint32_t in_flight, depth;
    uint32_t mask;       // number of slots in `calls`, a power of two, less one
    struct call *calls;  // the call with the id i is at (i / 2) & mask
    uint8_t *out;        // bytes to write; capacity for `depth` requests and the codec's own frames
    size_t out_length;
    uint8_t *held;       // the beginning of an unfinished response
    size_t held_length, held_capacity;
    void *state;         // the codec's own
};

struct codec {
    const char *name;
    size_t state_size;
    // Appends the client's first bytes to the connection's `out`. May be null.
    void (*greet)(struct connection *);
    // Writes a request to `out` and returns its length, at most LONGEST_REQUEST; 0 if the peer allows no request now.
    size_t (*request)(struct connection *, uint32_t id, struct token, uint8_t *out);
    // Decodes the whole responses in `bytes`, calls `complete_call` for each, and returns their total length. May append to `out`.
    // Ends the program at bytes that are not a response.
    size_t (*decode)(struct connection *, const uint8_t *bytes, size_t length);
};

extern const struct codec redis_codec, ttrpc_codec, grpc_codec, http_codec;

// The expected length of the identity or value in every response, of the whole response for HTTP; 0 for any length above 0 (ttrpc only).
extern uint32_t response_bytes;

// Returns the call with this id; null if it is not in flight.
static inline struct call *find_call(const struct connection *connection, uint32_t id) {
    struct call *call = &connection->calls[(id / 2) & connection->mask];
    return call->id == id && id != 0 ? call : NULL;
}

// Completes a call. `problem` is null for the expected success.
void complete_call(struct connection *, struct call *, const char *problem);

// Ends the program after a protocol violation or without memory or sockets, which leave nothing to measure.
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
