/* A mail server as the sync actions make it: reads the lines of a file sink, strictly, and keeps a table of accounts and one of groups.
 *
 * What docs/actions.schema.json says of a line, slapd.schema checks with that file. Here is what no schema can say:
 * keys in their order, arrays and fields ascending, no blank between the parts, seq 1, 2, 3 …, and that each action
 * fits what came before: a create of what is not there, an update that changes something, one owner of an address. */
#ifndef AXSYNC_TARGET_H
#define AXSYNC_TARGET_H

#include <stddef.h>

#include <jansson.h>

struct target {
    json_t *accounts;      /* address → {"uuid": …, "set": {…}}; aliases are an array in set */
    json_t *groups;        /* the same, and "members": {address: true, …} */
    json_t *addresses;     /* uuid → address */
    json_t *owners;        /* address or alias → uuid */
    json_t *left;          /* uuid → true: deleted since it left or moved; a second deletion may say that it is deleted now */
    json_int_t seq;        /* of the last line */
    size_t lines;
    long offset;           /* the file was read up to here */
    char error[2048];      /* the line that broke a rule, and which */
};

void target_init(struct target *t);
void target_free(struct target *t);
/* A target that goes its own way from here on. */
void target_copy(struct target *to, const struct target *from);

/* Applies one line, without its line feed. 0, or -1 and t->error. */
int target_apply(struct target *t, const char *line, size_t length);
/* Applies each whole line of a text. */
int target_apply_all(struct target *t, const char *text);
/* Applies the whole lines that the file has beyond those that were read already. */
int target_read(struct target *t, const char *path);

/* What of `is` is not as `should` says, for people, for the caller to free; NULL: they are the same. */
char *target_difference(json_t *is, json_t *should);

#endif
