#include "CDoormanVersion.h"

#ifndef DOORMAN_REVISION
#define DOORMAN_REVISION ""
#endif

const char *doorman_revision(void) { return DOORMAN_REVISION; }
