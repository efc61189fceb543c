#ifndef CPREFETCH_SHIM_H
#define CPREFETCH_SHIM_H
// What Swift has no words for: GCC's and Clang's built-in functions.

// A hint: no address is wrong, and nothing is read that anybody sees.
static inline void prefetch_for_writing(unsigned long address) { __builtin_prefetch((const void *)address, 1, 3); }

// Of a number that others write meanwhile. It may be an old one.
static inline unsigned long load_relaxed(const unsigned long *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }
static inline void store_relaxed(unsigned long *number, unsigned long value) {
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}
#endif
