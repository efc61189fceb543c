#ifndef CDOORMAN_VERSION_H
#define CDOORMAN_VERSION_H

/// Returns the git revision of the build, or an empty string. `Scripts/build-release` sets it. A C file holds it, so that a new revision
/// compiles one file instead of all modules.
const char *doorman_revision(void);

#endif
