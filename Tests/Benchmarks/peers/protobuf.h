// The part of protobuf's wire format for a VerifyRequest: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <stdint.h>
#include <string.h>

static inline size_t varint_length(uint32_t value) {
    size_t length = 1;
    while (value >= 0x80) { value >>= 7; length++; }
    return length;
}

static inline uint8_t *put_varint(uint8_t *out, uint32_t value) {
    while (value >= 0x80) { *out++ = (uint8_t)(value | 0x80); value >>= 7; }
    *out++ = (uint8_t)value;
    return out;
}

// Writes a field of bytes with a number below 16.
static inline uint8_t *put_bytes(uint8_t *out, unsigned number, const void *bytes, uint32_t length) {
    *out++ = (uint8_t)(number << 3 | 2);
    out = put_varint(out, length);
    memcpy(out, bytes, length);
    return out + length;
}

static inline uint32_t bytes_length(uint32_t length) { return 1 + (uint32_t)varint_length(length) + length; }

// Reads a varint and returns the position after it; null if it does not end before `end`.
static inline const uint8_t *take_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return at;
    }
    return NULL;
}
