/* What all connections share. */
#ifndef EMULATOR_EMU_H
#define EMULATOR_EMU_H

#include "options.h"
#include "rules.h"
#include "state.h"
#include "tally.h"

struct emu {
    struct options options;
    struct rules rules;
    struct state state;
    struct tally tally;
};

#define EMU_VERSION "10.6.30|Linux|x86_64"

#endif
