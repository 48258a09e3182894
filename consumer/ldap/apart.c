#include "apart.h"

#include "directory.h"
#include "log.h"

int apart_find(struct directory *d, bool *apart, struct err *e)
{
    const char *closed = NULL;

    for (size_t i = 0; i < d->settings->n_specs && closed == NULL; i++) {
        const struct search_spec *spec = &d->settings->specs[i];
        bool open = true;
        int rc = spec->use == SPEC_TOGETHER ? directory_is_searchable(d, spec->base, &open, e) : LDAP_SUCCESS;

        if (rc < 0)
            return rc;
        if (!open)
            closed = spec->base;
    }
    if (closed && !*apart)
        log_info(d->settings->subject, "%s can't be searched: there is none, or the bind DN has no right to; containers are searched "
                 "under accountBaseDN and groupBaseDN, each on its own", closed);
    else if (!closed && *apart)
        log_info(d->settings->subject, "what accountBaseDN and groupBaseDN share can be searched again, and so containers are");
    *apart = closed != NULL;
    return LDAP_SUCCESS;
}
