#ifndef CPROCESS_SHIM_H
#define CPROCESS_SHIM_H
// Calls prctl(2), whose variable arguments Swift cannot pass.
#ifdef __linux__
#include <sys/prctl.h>

// Allows (1) or prevents (0) core dumps of this process, and reads of its memory by other processes of its user.
static inline int set_dumpable(unsigned long is_dumpable) { return prctl(PR_SET_DUMPABLE, is_dumpable, 0UL, 0UL, 0UL); }

// Returns whether core dumps are allowed.
static inline int get_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL); }
#else
static inline int set_dumpable(unsigned long is_dumpable) { (void)is_dumpable; return 0; }
static inline int get_dumpable(void) { return 1; }
#endif
#endif
