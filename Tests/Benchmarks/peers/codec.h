// What the load generator knows of a connection, and what a protocol must be able to do for it.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The longest request that any codec makes for the longest token.
enum { LONGEST_TOKEN = 1024, LONGEST_REQUEST = LONGEST_TOKEN + 512 };
// How much a codec may append to `out` beside requests, between two writes.
enum { OWN_FRAMES = 4096 };

struct token {
    const char *bytes;
    uint32_t length;
};

// A call under way. An id of 0 marks a free place.
struct call {
    uint32_t id;
    uint32_t received;  // bytes of the answer so far, for protocols that send it in parts
    uint64_t start;     // nanoseconds; when it was sent, or should have been
};

struct connection {
    int fd;
    uint32_t next_id;    // odd and rising, as HTTP/2 wants it and ttrpc allows it
    uint32_t in_flight, depth;
    uint32_t mask;       // of the places in `calls`, a power of two less one
    struct call *calls;  // the call with the id i is at (i / 2) & mask
    uint8_t *out;        // to be written; room for `depth` requests and the codec's own frames
    size_t out_length;
    uint8_t *held;       // the beginning of an answer that has not arrived whole
    size_t held_length, held_room;
    void *state;         // the codec's own
};

struct codec {
    const char *name;
    size_t state_size;
    // Appends what a client says first to the connection's `out`. May be null.
    void (*greet)(struct connection *);
    // Writes a request to `out` and returns its length, at most LONGEST_REQUEST, or 0 if the peer allows none for now.
    size_t (*request)(struct connection *, uint32_t id, struct token, uint8_t *out);
    // Reads the whole answers among `bytes`, tells of each by `answered`, and returns how many bytes those had. May append
    // to `out`. Bytes that are no answer end the program.
    size_t (*answers)(struct connection *, const uint8_t *bytes, size_t length);
};

extern const struct codec redis_codec, ttrpc_codec, grpc_codec;

// The length that the identity, or value, in every answer must have; 0, which ttrpc alone takes, for any but none.
extern uint32_t answer_bytes;

// The call with this id, or null if there is none in flight.
static inline struct call *find_call(const struct connection *connection, uint32_t id) {
    struct call *call = &connection->calls[(id / 2) & connection->mask];
    return call->id == id && id != 0 ? call : NULL;
}

// Ends a call: `problem` is null if the answer is the success that was expected.
void answered(struct connection *, struct call *, const char *problem);

// For a peer that breaks its protocol, and for a machine without memory or sockets: there is nothing to measure then.
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
