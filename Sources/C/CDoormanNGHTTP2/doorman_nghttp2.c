#include "doorman_nghttp2.h"

#include <stdlib.h>
#include <string.h>

// A block of headers whose size is above this multiple of the limit is no longer decoded for us: an index of one byte may stand for
// a header of 4 KiB. Below it the peer is told that the headers are too long.
enum { EXCESSIVE_SIZE_FACTOR = 8 };

void doorman_http2_bytes_append(doorman_http2_bytes *bytes, const void *more, size_t count) {
    if (count == 0) return;
    if (bytes->capacity - bytes->count < count) {
        size_t capacity = bytes->capacity == 0 ? 512 : bytes->capacity;
        while (capacity - bytes->count < count) capacity *= 2;
        uint8_t *start = realloc(bytes->start, capacity);
        if (start == NULL) abort();
        bytes->start = start;
        bytes->capacity = capacity;
    }
    memcpy(bytes->start + bytes->count, more, count);
    bytes->count += count;
}

void doorman_http2_bytes_clear(doorman_http2_bytes *bytes, size_t kept_capacity) {
    bytes->count = 0;
    if (bytes->capacity <= kept_capacity) return;
    free(bytes->start);
    bytes->start = NULL;
    bytes->capacity = 0;
}

void doorman_http2_head_clear(doorman_http2_head *head, size_t kept_capacity) {
    doorman_http2_bytes_clear(&head->bytes, kept_capacity);
    head->field_count = 0;
    head->authorization_count = 0;
    head->flags = 0;
    memset(head->known, 0, sizeof head->known);
    if (head->field_capacity * sizeof(doorman_http2_field) <= kept_capacity) return;
    free(head->fields);
    head->fields = NULL;
    head->field_capacity = 0;
}

static bool equals(const uint8_t *bytes, const char *text, size_t length) { return memcmp(bytes, text, length) == 0; }

const doorman_http2_field *doorman_http2_head_find(const doorman_http2_head *head, const void *name, size_t name_length) {
    for (uint32_t index = 0; index < head->field_count; index++) {
        const doorman_http2_field *field = &head->fields[index];
        if (field->name_length == name_length && memcmp(head->bytes.start + field->name, name, name_length) == 0) return field;
    }
    return NULL;
}

// Returns the known header of a name; DOORMAN_HTTP2_KNOWN_COUNT if it is another.
static doorman_http2_known known_name(const uint8_t *name, size_t length) {
    switch (length) {
    case 2: if (equals(name, "te", 2)) return DOORMAN_HTTP2_TE; break;
    case 4: if (equals(name, "host", 4)) return DOORMAN_HTTP2_HOST; break;
    case 5: if (equals(name, ":path", 5)) return DOORMAN_HTTP2_PATH; break;
    case 6: if (equals(name, "expect", 6)) return DOORMAN_HTTP2_EXPECT; break;
    case 7:
        if (equals(name, ":method", 7)) return DOORMAN_HTTP2_METHOD;
        if (equals(name, ":scheme", 7)) return DOORMAN_HTTP2_SCHEME;
        break;
    case 10: if (equals(name, ":authority", 10)) return DOORMAN_HTTP2_AUTHORITY; break;
    case 12:
        if (equals(name, "content-type", 12)) return DOORMAN_HTTP2_CONTENT_TYPE;
        if (equals(name, "grpc-timeout", 12)) return DOORMAN_HTTP2_GRPC_TIMEOUT;
        break;
    case 13:
        if (equals(name, "authorization", 13)) return DOORMAN_HTTP2_AUTHORIZATION;
        if (equals(name, "grpc-encoding", 13)) return DOORMAN_HTTP2_GRPC_ENCODING;
        break;
    case 14: if (equals(name, "content-length", 14)) return DOORMAN_HTTP2_CONTENT_LENGTH; break;
    }
    return DOORMAN_HTTP2_KNOWN_COUNT;
}

static uint32_t flags_of(doorman_http2_known known, const uint8_t *value, size_t length) {
    switch (known) {
    case DOORMAN_HTTP2_METHOD:
        if (length == 4 && equals(value, "POST", 4)) return DOORMAN_HTTP2_IS_POST;
        if (length == 3 && equals(value, "GET", 3)) return DOORMAN_HTTP2_IS_GET;
        return 0;
    case DOORMAN_HTTP2_CONTENT_TYPE:
        if (length < 16 || !equals(value, "application/grpc", 16)) return 0;
        return length == 16 || value[16] == '+' || value[16] == ';' ? DOORMAN_HTTP2_IS_GRPC : 0;
    case DOORMAN_HTTP2_TE: return length == 8 && equals(value, "trailers", 8) ? DOORMAN_HTTP2_HAS_TE_TRAILERS : 0;
    default: return 0;
    }
}

static void add_field(
    doorman_http2_head *head, const uint8_t *name, size_t name_length, const uint8_t *value, size_t value_length) {
    if (head->field_count == head->field_capacity) {
        uint32_t capacity = head->field_capacity == 0 ? 16 : head->field_capacity * 2;
        doorman_http2_field *fields = realloc(head->fields, capacity * sizeof *fields);
        if (fields == NULL) abort();
        head->fields = fields;
        head->field_capacity = capacity;
    }
    doorman_http2_field *field = &head->fields[head->field_count++];
    field->name = (uint32_t)head->bytes.count;
    field->name_length = (uint32_t)name_length;
    doorman_http2_bytes_append(&head->bytes, name, name_length);
    field->value = (uint32_t)head->bytes.count;
    field->value_length = (uint32_t)value_length;
    doorman_http2_bytes_append(&head->bytes, value, value_length);

    doorman_http2_known known = known_name(name, name_length);
    if (known == DOORMAN_HTTP2_KNOWN_COUNT) return;
    if (known == DOORMAN_HTTP2_AUTHORIZATION) head->authorization_count++;
    if (head->known[known] != 0) return;
    head->known[known] = (uint16_t)head->field_count;
    head->flags |= flags_of(known, value, value_length);
}

static int header_arrived(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
    size_t value_length, uint8_t flags, void *user_data) {
    (void)flags;
    doorman_http2_context *context = user_data;
    context->list_size += name_length + value_length + 32;
    if (context->list_size > context->maximum_list_size) {
        if (context->head != NULL) context->head->flags |= DOORMAN_HTTP2_IS_TOO_LONG;
        if (context->list_size / EXCESSIVE_SIZE_FACTOR <= context->maximum_list_size) return 0;
        context->excessive_blocks++;
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_ENHANCE_YOUR_CALM);
        // The rest of the block is decoded for the sake of the HPACK table, without validation and without this callback.
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (context->head != NULL) add_field(context->head, name, name_length, value, value_length);
    return 0;
}

// Without this callback nghttp2 skips a header whose value has a forbidden byte. RFC 9113 section 8.2.1 calls the request malformed.
static int invalid_header_arrived(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value,
    size_t value_length, uint8_t flags, void *user_data) {
    (void)session, (void)frame, (void)name, (void)name_length, (void)value, (void)value_length, (void)flags, (void)user_data;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int frame_was_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
    doorman_http2_context *context = user_data;
    switch (frame->hd.type) {
    case NGHTTP2_GOAWAY:
        context->has_sent_goaway = true;
        context->sent_goaway_error = frame->goaway.error_code;
        return 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if (context->early_responses == 0 || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        // The peer may stop sending the request (RFC 9113 section 8.1).
        if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
        }
        return 0;
    default: return 0;
    }
}

void doorman_http2_set_callbacks(nghttp2_session_callbacks *callbacks) {
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header_arrived);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, invalid_header_arrived);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_was_sent);
}
