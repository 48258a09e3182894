/* Inside of state: what state_file.c needs of state.c. */
#ifndef EMULATOR_STATE_FILE_H
#define EMULATOR_STATE_FILE_H

#include "state.h"

/* Builds index and count anew from the tree, and completes objects that lack an id. */
void state_index(struct state *s);

#endif
