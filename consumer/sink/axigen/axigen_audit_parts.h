/* What axigen_audit*.c share; nobody else includes it. Functions that talk return 0 or -1 as those of axigen_parts.h.
 */
#ifndef AXIGEN_AUDIT_PARTS_H
#define AXIGEN_AUDIT_PARTS_H

#include "axigen_audit.h"
#include "axigen_parts.h"

struct audit_look {
    struct axigen *ax;
    const struct object *o;
    struct audit_seen *seen;
    struct axigen_record rec;
    bool known;
    struct slice home;
    struct script script;
};

/* In the account or group that is open: its place, fields, aliases or members against the object, into l->seen. */
int axigen_audit_compare(struct audit_look *l, const struct slice *members, size_t n_members);

/* ASCII, in place. */
void axigen_audit_lower(struct slice s);

#endif
