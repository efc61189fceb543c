#ifndef CMALLOC_SHIM_H
#define CMALLOC_SHIM_H
// Declares mallopt(3), which Swift's Glibc module lacks.
#include <malloc.h>
#endif
