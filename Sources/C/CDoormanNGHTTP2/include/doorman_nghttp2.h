// The callbacks of nghttp2 that run once per header or once per frame, and the memory that they fill.
//
// They are in C for their cost: a request has about ten headers, and nghttp2 reports each of them by itself. Swift would pay for
// reference counts and exclusivity checks each time. All that happens once per request is in Swift.
#ifndef DOORMAN_NGHTTP2_H
#define DOORMAN_NGHTTP2_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that grow as they arrive. All zero is an empty value.
typedef struct doorman_http2_bytes {
    uint8_t *start;
    size_t count;
    size_t capacity;
} doorman_http2_bytes;

// Ends the process without memory, as Swift does.
void doorman_http2_bytes_append(doorman_http2_bytes *bytes, const void *more, size_t count);
// Removes all bytes, and keeps the memory only up to a capacity.
void doorman_http2_bytes_clear(doorman_http2_bytes *bytes, size_t kept_capacity);

// A header: offsets into the bytes of its head.
typedef struct doorman_http2_field {
    uint32_t name;
    uint32_t name_length;
    uint32_t value;
    uint32_t value_length;
} doorman_http2_field;

// The headers that are found while they arrive, so that reading them needs no search.
typedef enum doorman_http2_known {
    DOORMAN_HTTP2_METHOD,
    DOORMAN_HTTP2_SCHEME,
    DOORMAN_HTTP2_PATH,
    DOORMAN_HTTP2_AUTHORITY,
    DOORMAN_HTTP2_HOST,
    DOORMAN_HTTP2_CONTENT_TYPE,
    DOORMAN_HTTP2_CONTENT_LENGTH,
    DOORMAN_HTTP2_TE,
    DOORMAN_HTTP2_EXPECT,
    DOORMAN_HTTP2_AUTHORIZATION,
    DOORMAN_HTTP2_GRPC_TIMEOUT,
    DOORMAN_HTTP2_GRPC_ENCODING,
    DOORMAN_HTTP2_KNOWN_COUNT
} doorman_http2_known;

// Values that are compared once, while they arrive.
enum {
    DOORMAN_HTTP2_IS_GET = 1,
    DOORMAN_HTTP2_IS_POST = 2,
    // `application/grpc`, alone or before `+` or `;`.
    DOORMAN_HTTP2_IS_GRPC = 4,
    DOORMAN_HTTP2_HAS_TE_TRAILERS = 8,
    // The list is longer than its limit. The headers beyond the limit are missing.
    DOORMAN_HTTP2_IS_TOO_LONG = 16
};

// The headers of a request. All zero is an empty value.
typedef struct doorman_http2_head {
    doorman_http2_bytes bytes;
    doorman_http2_field *fields;
    uint32_t field_count;
    uint32_t field_capacity;
    uint32_t authorization_count;
    uint32_t flags;
    // For each known name 1 + the index of its first field; 0 without one.
    uint16_t known[DOORMAN_HTTP2_KNOWN_COUNT];
} doorman_http2_head;

// Removes all headers, and keeps memory only up to a capacity in bytes.
void doorman_http2_head_clear(doorman_http2_head *head, size_t kept_capacity);

// Returns the first field of a known name; NULL without one.
static inline const doorman_http2_field *doorman_http2_head_known(const doorman_http2_head *head, doorman_http2_known name) {
    uint16_t index = head->known[name];
    return index == 0 ? NULL : &head->fields[index - 1];
}

// Returns the first field of a lower-case name; NULL without one.
const doorman_http2_field *doorman_http2_head_find(const doorman_http2_head *head, const void *name, size_t name_length);

// The user data of a session.
typedef struct doorman_http2_context {
    // The session's owner, for the callbacks in Swift.
    void *owner;
    // Where the headers of the current block go; NULL for blocks that are not kept, such as trailers.
    doorman_http2_head *head;
    // The size of the current block so far (RFC 9113 section 6.5.2).
    size_t list_size;
    size_t maximum_list_size;
    // Responses that end before their request ends. Only then the end of a response takes a look-up of its stream.
    size_t early_responses;
    // Blocks that were cut off for their size.
    size_t excessive_blocks;
    // The error code of the GOAWAY that was sent last.
    uint32_t sent_goaway_error;
    bool has_sent_goaway;
} doorman_http2_context;

// Sets the callbacks of this file. The user data of the session is a `doorman_http2_context`.
void doorman_http2_set_callbacks(nghttp2_session_callbacks *callbacks);

#endif
