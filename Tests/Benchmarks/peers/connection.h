// A connection of the load generator: socket, slots for calls, and bytes. The codec interprets the bytes.
#pragma once

#include <stdbool.h>

#include "codec.h"

struct target {
    const char *host, *port;   // for TCP
    const char *unix_path;     // for a Unix socket; null for TCP
    const char *tls_ca;        // path to the server's authority; null for no TLS
    const struct codec *codec;
    uint32_t depth;            // maximum calls in flight on each connection
};

uint64_t monotonic_nanoseconds(void);

// Connects and appends the codec's greeting to the output.
void connection_open(struct connection *, const struct target *);

// Appends a call to the output, to be written at the next flush. Returns false if the peer allows none now.
bool connection_call(struct connection *, const struct codec *, struct token, uint64_t start);

// Writes the output.
void connection_flush(struct connection *);

// Reads and decodes the bytes that have arrived. Returns false if there were none.
bool connection_read(struct connection *, const struct codec *);
