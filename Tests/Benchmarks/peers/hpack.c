#include "hpack.h"

#include <string.h>

enum { STATIC_ENTRIES = 61, DEFAULT_LIMIT = 4096, ENTRY_OVERHEAD = 32 };

// The facts about a field's name or value.
struct text {
    uint32_t size;  // size without Huffman coding
    bool is_status, is_zero;
};

void hpack_start(struct hpack_table *table) {
    memset(table, 0, sizeof *table);
    table->limit = DEFAULT_LIMIT;
}

static struct hpack_entry *entry_at(struct hpack_table *table, unsigned age) {
    return &table->entries[(table->first + age) % HPACK_ENTRIES];
}

static void shrink(struct hpack_table *table, unsigned limit) {
    while (table->count > 0 && table->size > limit) {
        table->count--;
        table->size -= entry_at(table, table->count)->size;
    }
}

static void insert(struct hpack_table *table, struct hpack_entry entry) {
    shrink(table, entry.size > table->limit ? 0 : table->limit - entry.size);
    if (entry.size > table->limit) return;
    table->first = (table->first + HPACK_ENTRIES - 1) % HPACK_ENTRIES;
    *entry_at(table, 0) = entry;
    table->count++;
    table->size += entry.size;
}

// Reads an integer (RFC 7541, section 5.1).
static const uint8_t *take_number(const uint8_t *at, const uint8_t *end, unsigned prefix_bits, uint32_t *number) {
    uint32_t most = (1u << prefix_bits) - 1;
    *number = *at++ & most;
    if (*number < most) return at;
    for (unsigned shift = 0; at < end && shift < 21; shift += 7) {
        uint8_t byte = *at++;
        *number += (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return at;
    }
    return NULL;
}

// The strings that are known in Huffman coding.
static const struct coded {
    const char *text;
    uint8_t length, bytes[11];
} known_texts[] = {
    {"grpc-status", 8, {0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f}},
    {"0", 1, {0x07}},
    {"application/grpc", 11, {0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c, 0x4d, 0x65, 0x64}},
};

static const char *decompress(const uint8_t *bytes, uint32_t length) {
    for (size_t i = 0; i < sizeof known_texts / sizeof *known_texts; i++)
        if (known_texts[i].length == length && memcmp(known_texts[i].bytes, bytes, length) == 0) return known_texts[i].text;
    return NULL;
}

// Reads a string (RFC 7541, section 5.2). A table whose size would depend on another string in Huffman coding is an error: gRPC's C++
// server compresses only binary headers, and doormand only these.
static const uint8_t *take_text(const uint8_t *at, const uint8_t *end, struct text *text) {
    if (at >= end) return NULL;
    bool compressed = *at & 0x80;
    uint32_t length;
    at = take_number(at, end, 7, &length);
    if (at == NULL || length > (size_t)(end - at)) return NULL;
    const char *bytes = compressed ? decompress(at, length) : (const char *)at;
    if (bytes == NULL) return NULL;
    text->size = compressed ? (uint32_t)strlen(bytes) : length;
    text->is_status = text->size == 11 && memcmp(bytes, "grpc-status", 11) == 0;
    text->is_zero = text->size == 1 && bytes[0] == '0';
    return at + length;
}

// The size of a static name matters only for evictions, which don't occur with a server that repeats its headers.
static struct text known_name(struct hpack_table *table, uint32_t index) {
    if (index <= STATIC_ENTRIES) return (struct text){.size = 16};
    return (struct text){.size = 16, .is_status = entry_at(table, index - STATIC_ENTRIES - 1)->is_status};
}

enum hpack_finding hpack_read(struct hpack_table *table, const uint8_t *block, size_t length) {
    enum hpack_finding finding = HPACK_NO_STATUS;
    const uint8_t *at = block, *end = block + length;
    while (at < end) {
        uint8_t first = *at;
        bool is_indexed = first & 0x80, is_stored = (first & 0xc0) == 0x40, is_resize = (first & 0xe0) == 0x20;
        uint32_t index;
        at = take_number(at, end, is_indexed ? 7 : is_stored ? 6 : is_resize ? 5 : 4, &index);
        if (at == NULL) return HPACK_BROKEN;
        if (is_resize) {
            if (index > DEFAULT_LIMIT) return HPACK_BROKEN;
            table->limit = index;
            shrink(table, index);
            continue;
        }
        if (index > STATIC_ENTRIES + table->count) return HPACK_BROKEN;
        struct hpack_entry entry = {0};
        if (is_indexed) {
            if (index > STATIC_ENTRIES) entry = *entry_at(table, index - STATIC_ENTRIES - 1);
        } else {
            struct text name = known_name(table, index), value;
            if (index == 0 && (at = take_text(at, end, &name)) == NULL) return HPACK_BROKEN;
            if ((at = take_text(at, end, &value)) == NULL) return HPACK_BROKEN;
            entry = (struct hpack_entry){
                .size = (uint16_t)(name.size + value.size + ENTRY_OVERHEAD), .is_status = name.is_status, .is_zero = value.is_zero};
            if (is_stored) insert(table, entry);
        }
        if (entry.is_status) finding = entry.is_zero ? HPACK_STATUS_OK : HPACK_STATUS_NOT_OK;
    }
    return finding;
}
