/* `axsync check`: mapped attributes that the server's schema has not. */
#include <stdlib.h>

#include "cmd_check_ldap.h"
#include "cmd_directory.h"
#include "schema.h"

static void tell_unknown(const struct check_ldap *d, const struct mapping *m, const bool *known)
{
    struct buf list = {0};

    for (size_t k = 0; k < m->n_rows; k++)
        if (!known[k])
            buf_printf(&list, "%s%s (%s)", list.len ? ", " : "", m->rows[k].attribute, field_name(m->rows[k].field));
    if (list.len)
        check_say(d->check, CHECK_WARNING,
                  "the server's schema has not these mapped attributes of %ss, so their fields are never set: %s "
                  "(schema/axsync.ldif has those of axsync)",
                  object_kind_name(m->kind), buf_str(&list));
    else
        check_say(d->check, CHECK_OK, "the server's schema has all %zu mapped attributes of %ss", m->n_rows,
                  object_kind_name(m->kind));
    buf_free(&list);
}

static void check_mapping(const struct check_ldap *d, const struct mapping *m)
{
    const char **names = mem_alloc((m->n_rows + 1) * sizeof(*names));
    bool *known = mem_alloc(m->n_rows + 1);

    for (size_t i = 0; i < m->n_rows; i++)
        names[i] = m->rows[i].attribute;
    if (schema_know(d->ld, d->conf->timeout, names, m->n_rows, known))
        tell_unknown(d, m, known);
    else
        check_say(d->check, CHECK_WARNING,
                  "the server's schema can't be read: mapped attributes that it has not are not seen");
    free(known);
    free(names);
}

void check_schema(const struct check_ldap *d)
{
    for (int kind = 0; kind < OBJECT_KINDS; kind++) {
        struct err e = {0};
        struct mapping *m;

        if (kind == OBJECT_GROUP && *d->conf->group_base == '\0')
            continue;
        m = cmd_mapping(d->conf, (enum object_kind)kind, &e);
        if (m)
            check_mapping(d, m);
        else
            check_say(d->check, CHECK_FAILED, "%s", e.text);
        mapping_free(&m);
    }
}
