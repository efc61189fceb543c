#ifndef CPREFETCH_SHIM_H
#define CPREFETCH_SHIM_H
// Built-in functions of GCC and Clang that Swift lacks.

// Prefetches a cache line for writing. A hint only: an invalid address has no effect.
static inline void prefetch_for_writing(unsigned long address) { __builtin_prefetch((const void *)address, 1, 3); }

// Load and store a number that other threads access at the same time. A load may return an older value.
static inline unsigned long load_relaxed(const unsigned long *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }
static inline void store_relaxed(unsigned long *number, unsigned long value) {
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}
#endif
