/* Wildcards: * and ?, not case sensitive (ASCII). */
#ifndef EMULATOR_GLOB_H
#define EMULATOR_GLOB_H

#include <stdbool.h>

bool glob_match(const char *pattern, const char *text);

#endif
