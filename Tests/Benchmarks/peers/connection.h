// A connection of the load generator: sockets, places for calls, and bytes; what the bytes mean is the codec's.
#pragma once

#include <stdbool.h>

#include "codec.h"

struct target {
    const char *host, *port;   // for TCP
    const char *unix_path;     // for a Unix socket, if it is not null
    const struct codec *codec;
    uint32_t depth;            // calls in flight on each connection, at most
};

uint64_t monotonic_nanoseconds(void);

// Connects, and greets.
void connection_open(struct connection *, const struct target *);

// Makes a call, to be written at the next flush; false if the peer allows none for now.
bool connection_call(struct connection *, const struct codec *, struct token, uint64_t start);

// Writes all that is to be written.
void connection_flush(struct connection *);

// Reads what has arrived, and has the codec tell of the answers; false if nothing had.
bool connection_read(struct connection *, const struct codec *);
