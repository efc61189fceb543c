// The part of HPACK (RFC 7541) that shows whether a header block has "grpc-status: 0". Other names and values are only measured,
// for the size of the dynamic table.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HPACK_ENTRIES = 4096 / 32 };

struct hpack_entry {
    uint16_t size;  // as section 4.1 counts it
    bool is_status, is_zero;
};

struct hpack_table {
    struct hpack_entry entries[HPACK_ENTRIES];  // a ring: the newest at `first`
    unsigned first, count, size, limit;
};

void hpack_start(struct hpack_table *);

enum hpack_finding { HPACK_NO_STATUS, HPACK_STATUS_OK, HPACK_STATUS_NOT_OK, HPACK_BROKEN };

enum hpack_finding hpack_read(struct hpack_table *, const uint8_t *block, size_t length);
