/* What the files of the axsync harness share. */
#ifndef AXSYNC_INTERNAL_H
#define AXSYNC_INTERNAL_H

/* Text made like printf(3), for the caller to free; ends the program when out of memory. */
char *axsync_i_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
