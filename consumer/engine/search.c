#include "search.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "containers.h"
#include "dn.h"
#include "log.h"
#include "mirror.h"

static const struct {
    const char *word, *key;
} kinds[] = {
    [SEARCH_ACCOUNTS] = { "accounts", "account" },
    [SEARCH_GROUPS] = { "groups", "group" },
    [SEARCH_CONTAINERS] = { "containers", "container" },
    [SEARCH_NEAR_CONTAINERS] = { "containers", "container3" },
    [SEARCH_MORE_CONTAINERS] = { "containers", "container2" },
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
    if (m && !accounts)
        mapping_set_members(m, conf->group_member_attribute, conf->group_address_attribute);
    free(o);
    return m;
}

/* What has no object class of its own can't hold entries that matter here; a domain is one by its structural class or by dcObject. */
#define CONTAINERS "(|(objectClass=organizationalUnit)(objectClass=organization)(objectClass=domain)(objectClass=dcObject)" \
                   "(objectClass=locality)(objectClass=country)(objectClass=container)(objectClass=nsContainer))"

static char *const container_attrs[] = { (char *)"entryCSN", (char *)"modifyTimestamp", NULL };

/* The deepest DN that both lie within, a part of a; empty: none. */
static struct slice shared(struct slice a, struct slice b)
{
    struct buf one = { 0 }, other = { 0 };

    if (!dn_normalise(b, &other))
        a.len = 0;
    for (; a.len > 0; a = dn_parent(a)) {
        buf_reset(&one);
        if (dn_normalise(a, &one) && dn_within(buf_slice(&other), buf_slice(&one)))
            break;
    }
    if (one.len > 3 && dn_depth(a) == 1 && memcmp(one.p, "dc=", 3) == 0 && !slice_eq(buf_slice(&one), buf_slice(&other)))
        a.len = 0;
    buf_free(&one);
    buf_free(&other);
    return a;
}

/* What the bases share is neither of them, so that whoever may search both may perhaps not search that. */
static bool lies_above(struct slice both, struct slice accounts, struct slice groups)
{
    return both.len > 0 && dn_depth(both) < dn_depth(accounts) && dn_depth(both) < dn_depth(groups);
}

enum spec_use search_use(const struct config_connector *conf, enum search_kind kind)
{
    struct slice accounts = slice_of(conf->account_base), groups = slice_of(conf->group_base);

    if (kind < SEARCH_CONTAINERS || groups.len == 0 || !lies_above(shared(accounts, groups), accounts, groups))
        return SPEC_ALWAYS;
    return kind == SEARCH_CONTAINERS ? SPEC_TOGETHER : SPEC_APART;
}

char *search_base(const struct config_connector *conf, enum search_kind kind)
{
    struct slice accounts = slice_of(conf->account_base), groups = slice_of(conf->group_base);
    struct slice both = groups.len ? shared(accounts, groups) : accounts;
    bool above = groups.len > 0 && lies_above(both, accounts, groups);

    switch (kind) {
    case SEARCH_ACCOUNTS:
        both = accounts;
        break;
    case SEARCH_GROUPS:
        both = groups;
        break;
    case SEARCH_CONTAINERS:
        both = both.len ? both : accounts;
        break;
    case SEARCH_NEAR_CONTAINERS:
        both = above ? accounts : (struct slice){ 0 };
        break;
    case SEARCH_MORE_CONTAINERS:
        both = above || both.len == 0 ? groups : (struct slice){ 0 };
        break;
    case SEARCH_KINDS:
        break;
    }
    return both.len ? mem_printf("%.*s", SLICE_ARG(both)) : NULL;
}

static int add(struct mirror *m, enum search_kind kind, enum config_scope scope, struct err *e)
{
    unsigned i = m->n_searches;
    struct mirror_search *s = &m->searches[i];
    char *base = search_base(m->conf, kind);

    if (base == NULL)
        return 0;
    *s = (struct mirror_search){ .kind = kind };
    m->specs[i] = (struct search_spec){ .use = search_use(m->conf, kind), .base = base, .scope = ldap_scope(scope), .attrs = (char **)container_attrs };
    m->n_searches++;
    dn_normalise(slice_of(base), &s->base);
    s->unused = m->specs[i].use == SPEC_APART;   /* until a session says otherwise */
    if (kind >= SEARCH_CONTAINERS) {
        m->specs[i].filter = mem_strdup(CONTAINERS);
        return 0;
    }
    s->mapping = make_mapping(m->conf, search_objects(s), e);
    if (s->mapping == NULL)
        return -1;
    m->specs[i].filter = config_filter(m->conf, search_objects(s));
    m->specs[i].attrs = s->mapping->request;
    return 0;
}

int search_make_all(struct mirror *m, struct err *e)
{
    if (add(m, SEARCH_ACCOUNTS, m->conf->account_scope, e) != 0 || add(m, SEARCH_GROUPS, m->conf->group_scope, e) != 0)
        return -1;
    add(m, SEARCH_CONTAINERS, SCOPE_SUB, e);
    add(m, SEARCH_NEAR_CONTAINERS, SCOPE_SUB, e);
    return add(m, SEARCH_MORE_CONTAINERS, SCOPE_SUB, e);
}

void search_free_all(struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        struct mirror_search *s = &m->searches[i];

        census_drop(&s->census);
        cookie_free(&s->cookie);
        csn_set_free(&s->highest);
        csn_set_free(&s->shown);
        csn_set_free(&s->poll_csns);
        buf_free(&s->ask);
        mapping_free(&s->mapping);
        buf_free(&s->base);
        free(m->specs[i].filter);
        free(m->specs[i].base);
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
        if (search_shows_objects(&m->searches[i]) && search_objects(&m->searches[i]) == kind)
            return &m->searches[i];
    return &m->searches[0];
}

unsigned search_side(const struct mirror *m, const struct mirror_search *s)
{
    unsigned last = m->n_searches - 1;
    bool apart = m->searches[last].kind == SEARCH_MORE_CONTAINERS && m->specs[last].use == SPEC_ALWAYS;

    return apart && (s->kind == SEARCH_GROUPS || s->kind == SEARCH_MORE_CONTAINERS);
}

void search_choose(struct mirror *m, bool apart)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        struct mirror_search *s = &m->searches[i];

        s->unused = !apart_has(&m->specs[i], apart);
        if (!s->unused)
            continue;
        s->refreshing = s->behind = false;
        s->complete = true;
        s->received = 0;
        buf_reset(&s->ask);
        if (s->cookie.flavour != COOKIE_NONE) {
            cookie_free(&s->cookie);
            s->cookie_dirty = true;
        }
    }
}

bool search_tells_of(const struct mirror *m, const struct mirror_search *s, const struct container *c)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].kind == c->search && !m->searches[i].unused)
            return c->search == s->kind;
    return subtree_in_place(m, s, c->dn);
}

/* ---- how they stand ----------------------------------------------------------------------------------------- */

bool search_any_refreshing(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].refreshing)
            return true;
    return false;
}

bool search_objects_refreshing(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (search_shows_objects(&m->searches[i]) && m->searches[i].refreshing)
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
    s->sweeping = meta_get(m->t, "sweeping", key, &v);
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

/* Of containers, what they are searched under, and who asks. */
static char *fingerprint(const struct mirror *m, const struct mirror_search *s)
{
    if (search_shows_objects(s))
        return config_fingerprint(m->conf, search_objects(s));
    return mem_printf("base=%s\nbindDN=%s\nsaslMechanism=%s\ntlsCertFile=%s\n", search_spec(m, s)->base, m->conf->bind_dn,
                      m->conf->sasl_mechanism, m->conf->sasl_mechanism[0] ? m->conf->tls_cert_file : "");
}

static bool has_line(const char *lines, const char *line, size_t n)
{
    for (; *lines; lines += strcspn(lines, "\n") + 1)
        if (strncmp(lines, line, n) == 0 && lines[n] == '\n')
            return true;
    return false;
}

/* The keys of lines `key=value` that `others` does not have, behind what is in *out, each once. */
static void add_changed(const char *lines, const char *others, struct buf *out)
{
    for (; *lines; lines += strcspn(lines, "\n") + 1) {
        size_t key = strcspn(lines, "=\n");
        char *name;

        if (has_line(others, lines, strcspn(lines, "\n")))
            continue;
        name = mem_printf("%s%.*s", out->len ? ", " : "", (int)key, lines);
        if (out->len == 0 || memmem(out->p, out->len, lines, key) == NULL)
            buf_puts(out, name);
        free(name);
    }
}

/* Why what seems gone is held: malloc'ed. */
static char *what_was_changed(struct slice stored, const char *now)
{
    char *before = mem_printf("%.*s", SLICE_ARG(stored)), *why;
    struct buf keys = { 0 };

    add_changed(now, before, &keys);
    add_changed(before, now, &keys);
    why = mem_printf("the configuration was changed: %s", buf_str(&keys));
    buf_free(&keys);
    free(before);
    return why;
}

void search_check_fingerprint(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);
    char *now = fingerprint(m, s);
    struct slice stored;

    if (!meta_get(m->t, "fingerprint", key, &stored)) {
        meta_put(m->t, "fingerprint", key, slice_of(now));
    } else if (!slice_eq(stored, slice_of(now))) {
        if (search_shows_objects(s)) {
            char *why = what_was_changed(stored, now);

            log_warning(m->subject, "%s: %s are read in full; what seems gone will be held for you", why, search_kind_word(s->kind));
            meta_put(m->t, "suspicion", key, slice_of(why));
            behind_suspect(m, s, "found missing before the configuration was changed");
            free(why);
        }
        cookie_free(&s->cookie);
        meta_put(m->t, "fingerprint", key, slice_of(now));
        search_write(m, s);
    }
    free(now);
}
