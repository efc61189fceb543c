// A histogram of latencies with 128 buckets between each power of two and the next. A quantile is off by at most 0.4 %, in 58 KiB
// for everything from 1 ns to centuries.
#pragma once

#include <stdint.h>

enum { SUB_BITS = 7, SUB_BUCKETS = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS + 1) * SUB_BUCKETS };

struct histogram {
    uint64_t count, max;
    uint64_t buckets[BUCKETS];
};

static inline void histogram_add(struct histogram *h, uint64_t value) {
    // Values below 128 have a bucket each. Above, the bits after the leading bit choose among the 128.
    int shift = value < SUB_BUCKETS ? 0 : 63 - __builtin_clzll(value) - SUB_BITS;
    h->buckets[(uint64_t)shift * SUB_BUCKETS + (value >> shift)]++;
    h->count++;
    if (value > h->max) h->max = value;
}

// Returns the middle of the bucket of a quantile.
static inline uint64_t histogram_quantile(const struct histogram *h, double part) {
    uint64_t wanted = (uint64_t)(part * (double)h->count + 0.5), seen = 0;
    if (wanted == 0) wanted = 1;
    for (uint64_t bucket = 0; bucket < BUCKETS; bucket++) {
        seen += h->buckets[bucket];
        if (seen < wanted) continue;
        if (bucket < SUB_BUCKETS) return bucket;
        uint64_t shift = bucket / SUB_BUCKETS - 1;
        uint64_t low = (bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
        uint64_t middle = low + ((1ull << shift) >> 1);
        return middle < h->max ? middle : h->max;
    }
    return h->max;
}
