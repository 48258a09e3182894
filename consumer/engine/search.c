#include "search.h"

#include <ldap.h>
#include <stdlib.h>

#include "log.h"
#include "mirror.h"

static const struct {
    const char *word, *key;
} kinds[] = {
    [SEARCH_ACCOUNTS] = { "accounts", "account" },
    [SEARCH_GROUPS] = { "groups", "group" },
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == SEARCH_KINDS, "a kind of search without a name");

const char *search_kind_word(enum search_kind kind)
{
    return kinds[kind].word;
}

const char *search_kind_key(enum search_kind kind)
{
    return kinds[kind].key;
}

/* ---- which there are ---------------------------------------------------------------------------------------- */

static int ldap_scope(enum config_scope scope)
{
    switch (scope) {
    case SCOPE_BASE:
        return LDAP_SCOPE_BASE;
    case SCOPE_ONE:
        return LDAP_SCOPE_ONELEVEL;
    case SCOPE_SUB:
        break;
    }
    return LDAP_SCOPE_SUBTREE;
}

static struct mapping *make_mapping(const struct config_connector *conf, enum object_kind kind, struct err *e)
{
    struct mapping_override *o = mem_alloc((conf->n_attributes + 1) * sizeof(*o));
    bool accounts = kind == OBJECT_ACCOUNT;
    struct mapping *m;

    for (size_t i = 0; i < conf->n_attributes; i++)
        o[i] = (struct mapping_override){ conf->attributes[i].attribute, conf->attributes[i].field,
                                          conf->attributes[i].kind };
    m = mapping_new(kind, accounts ? conf->account_name_attribute : conf->group_name_attribute,
                    accounts ? conf->account_whole_address : conf->group_whole_address, conf->domain,
                    accounts && conf->clustered ? conf->host_field : NULL, conf->host, o, conf->n_attributes, e);
    free(o);
    return m;
}

static int add_objects(struct mirror *m, enum search_kind kind, char *base, enum config_scope scope, struct err *e)
{
    unsigned i = m->n_searches;
    struct mirror_search *s = &m->searches[i];

    *s = (struct mirror_search){ .kind = kind };
    s->mapping = make_mapping(m->conf, search_objects(s), e);
    if (s->mapping == NULL)
        return -1;
    m->specs[i] = (struct search_spec){
        .base = base,
        .scope = ldap_scope(scope),
        .filter = config_filter(m->conf, search_objects(s)),
        .attrs = s->mapping->request,
    };
    m->n_searches++;
    return 0;
}

int search_make_all(struct mirror *m, struct err *e)
{
    const struct config_connector *conf = m->conf;

    if (add_objects(m, SEARCH_ACCOUNTS, conf->account_base, conf->account_scope, e) != 0)
        return -1;
    if (conf->group_base[0] != '\0')
        return add_objects(m, SEARCH_GROUPS, conf->group_base, conf->group_scope, e);
    return 0;
}

void search_free_all(struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        struct mirror_search *s = &m->searches[i];

        census_drop(&s->census);
        cookie_free(&s->cookie);
        csn_set_free(&s->highest);
        csn_set_free(&s->poll_csns);
        buf_free(&s->ask);
        mapping_free(&s->mapping);
        free(m->specs[i].filter);
    }
    m->n_searches = 0;
}

unsigned search_index(const struct mirror *m, const struct mirror_search *s)
{
    return (unsigned)(s - m->searches);
}

const struct search_spec *search_spec(const struct mirror *m, const struct mirror_search *s)
{
    return &m->specs[search_index(m, s)];
}

struct mirror_search *search_of(struct mirror *m, enum object_kind kind)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (search_objects(&m->searches[i]) == kind)
            return &m->searches[i];
    return &m->searches[0];
}

/* ---- how they stand ----------------------------------------------------------------------------------------- */

bool search_any_refreshing(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].refreshing)
            return true;
    return false;
}

bool search_all_complete(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (!m->searches[i].complete)
            return false;
    return true;
}

void search_ask(struct mirror_search *s, const uint8_t *uuid)
{
    buf_add(&s->ask, uuid, UUID_BYTES);
}

struct mirror_search *search_asking(struct mirror *m, unsigned last)
{
    for (unsigned i = 1; i <= m->n_searches; i++) {
        struct mirror_search *s = &m->searches[(last + i) % m->n_searches];

        if (s->ask.len > 0)
            return s;
    }
    return NULL;
}

/* ---- what is stored ----------------------------------------------------------------------------------------- */

void search_read(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);
    struct slice v;
    bool malformed;

    if (meta_get(m->t, "cookie", key, &v))
        cookie_take(&s->cookie, v, &malformed);
    if (meta_get(m->t, "highest", key, &v))
        csn_set_parse(v, &s->highest);
    s->older_counts = meta_get(m->t, "older", key, &v);
}

void search_write(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);
    struct buf b = { 0 };

    cookie_format(&s->cookie, &b);
    meta_put(m->t, "cookie", key, buf_slice(&b));
    buf_reset(&b);
    csn_set_format(&s->highest, &b);
    meta_put(m->t, "highest", key, buf_slice(&b));
    buf_free(&b);
}

void search_check_fingerprint(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);
    char *now = config_fingerprint(m->conf, search_objects(s));
    struct slice stored;

    if (!meta_get(m->t, "fingerprint", key, &stored)) {
        meta_put(m->t, "fingerprint", key, slice_of(now));
    } else if (!slice_eq(stored, slice_of(now))) {
        log_warning(m->subject, "the configuration of what is mirrored was changed: refreshing in full; what seems gone "
                                "will be held for you");
        cookie_free(&s->cookie);
        meta_put(m->t, "suspicion", key, slice_of("the configuration was changed"));
        meta_put(m->t, "fingerprint", key, slice_of(now));
        search_write(m, s);
    }
    free(now);
}
