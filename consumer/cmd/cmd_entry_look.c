/* `axsync entry`, the directory's part: why an entry is not mirrored. The conditions are tried in the order in which a helpdesk
 * can do something about them, and the server judges what only it can: object classes and filters. */
#include <stdlib.h>
#include <string.h>

#include "cmd_entry.h"
#include "directory.h"
#include "ds389.h"
#include "mem.h"
#include "objects.h"

#define SHOWN 10    /* entries with one address that are judged */
#define SILENT_S 60 /* an attribute without an index makes the server read all entries */

struct look {
    const struct config *all;
    const struct config_connector *conf;
    struct worker worker; /* of no thread: directory.h waits with one */
    struct source_settings settings;
    struct directory directory;
    struct arena a;
    struct mapping *mappings[OBJECT_KINDS]; /* NULL: no groups */
    char **attrs;
    struct entry *entries[SHOWN];
    size_t n, met;
};

/* ---- searching ---------------------------------------------------------------------------------------------- */

static struct arena *look_memory(void *ctx)
{
    return &((struct look *)ctx)->a;
}

static bool look_row(void *ctx, struct entry *entry)
{
    struct look *l = ctx;

    if (l->n < SHOWN)
        l->entries[l->n++] = entry;
    l->met++;
    return true;
}

/* Adds what is found to l->entries. An entry or a base that is not there, or may not be read, is none found. */
static int search(struct look *l, const char *base, int scope, const char *filter, char **attrs, struct err *e)
{
    struct reading r = {.base = base,
                        .scope = scope,
                        .filter = filter,
                        .attrs = attrs,
                        .with_referrals = true,
                        .timeout_s = SILENT_S,
                        .memory = look_memory,
                        .row = look_row,
                        .ctx = l};
    int rc = directory_search(&l->directory, &r, e);

    if (rc == LDAP_SUCCESS || rc == LDAP_NO_SUCH_OBJECT || rc == LDAP_INSUFFICIENT_ACCESS || rc == LDAP_REFERRAL)
        return 0;
    e->class = ERR_UNAVAILABLE;
    return -1;
}

static void add_item(struct buf *filter, const char *attribute, struct slice value)
{
    struct berval from = {.bv_len = value.len, .bv_val = (char *)(uintptr_t)value.p}, escaped = {0};

    if (ldap_bv2escaped_filter_value(&from, &escaped) != 0)
        return;
    buf_printf(filter, "(%s=%.*s)", attribute, (int)escaped.bv_len, escaped.bv_val);
    ldap_memfree(escaped.bv_val);
}

/* The forms in which a name attribute may hold the address: whole, and where the domain is appended its local part. */
static void add_names(struct buf *filter, const char *attribute, struct slice word, const char *domain)
{
    const char *at = memchr(word.p, '@', word.len);
    struct slice local = slice_make(word.p, at ? (size_t)(at - word.p) : word.len);
    struct buf whole = {0};

    add_item(filter, attribute, word);
    if (at && text_equal_nocase(slice_make(at + 1, word.len - local.len - 1), slice_of(domain)))
        add_item(filter, attribute, local);
    if (at == NULL && *domain) {
        buf_printf(&whole, "%.*s@%s", SLICE_ARG(word), domain);
        add_item(filter, attribute, buf_slice(&whole));
    }
    buf_free(&whole);
}

static void make_filter(const struct look *l, const struct entry_question *q, struct buf *filter)
{
    char uuid[UUID_TEXT];

    if (q->has_uuid) {
        bool ds389 = l->directory.ds389;

        add_item(filter, directory_key(&l->directory), slice_of(ds389 ? ds389_key_format(q->uuid, uuid) : uuid_format(q->uuid, uuid)));
        return;
    }
    buf_puts(filter, "(|");
    add_names(filter, l->conf->account_name_attribute, q->word, l->conf->domain);
    if (l->mappings[OBJECT_GROUP])
        add_names(filter, l->conf->group_name_attribute, q->word, l->conf->domain);
    add_names(filter, "mail", q->word, l->conf->domain);
    buf_puts(filter, ")");
}

/* In all naming contexts: somebody who lies outside of the base is what is asked for most. */
static int find(struct look *l, const struct entry_question *q, struct err *e)
{
    struct slice base = slice_of(l->conf->account_base), *contexts = l->directory.contexts;
    size_t n = l->directory.n_contexts;
    struct buf text = {0};
    int rc = 0;

    if (!q->has_uuid && entry_is_dn(q->word)) {
        buf_add_slice(&text, q->word);
        rc = search(l, buf_str(&text), LDAP_SCOPE_BASE, "(objectClass=*)", l->attrs, e);
    } else {
        make_filter(l, q, &text);
        if (n == 0) {
            contexts = &base;
            n = 1;
        }
        for (size_t i = 0; i < n && rc == 0; i++)
            rc = search(l, contexts[i].p, LDAP_SCOPE_SUBTREE, buf_str(&text), l->attrs, e);
    }
    buf_free(&text);
    return rc;
}

/* ---- the conditions ----------------------------------------------------------------------------------------- */

/* Whether the server finds the entry, at its place, by this filter. -1 and *e: it can't be asked. */
static int matches(struct look *l, const struct entry *entry, const char *filter, struct err *e)
{
    static char *none[] = {(char *)LDAP_NO_ATTRS, NULL};
    size_t met = l->met;
    int rc;

    rc = search(l, entry->dn.p, LDAP_SCOPE_BASE, filter, none, e);
    return rc < 0 ? rc : l->met > met;
}

static bool in_base(const struct look *l, const struct entry *entry, enum object_kind kind, struct buf *why)
{
    bool account = kind == OBJECT_ACCOUNT;
    const char *base = account ? l->conf->account_base : l->conf->group_base, *name = account ? "account" : "group";
    enum config_scope scope = account ? l->conf->account_scope : l->conf->group_scope;
    int levels = cmd_dn_levels(entry->dn, slice_of(base));

    if (levels < 0)
        buf_printf(why, "base: it does not lie under %sBaseDN %s", name, base);
    else if (scope == SCOPE_BASE && levels > 0)
        buf_printf(why, "base: %sScope is base, and it is not %s itself", name, base);
    else if (scope == SCOPE_ONE && levels != 1)
        buf_printf(why, "base: %sScope is one, and it lies %d levels below %s", name, levels, base);
    return why->len == 0;
}

static void add_classes(const struct entry *entry, struct buf *why)
{
    const struct entry_attr *classes = entry_attr(entry, "objectClass");

    if (classes == NULL) {
        buf_puts(why, "; its classes can't be read: give the bind DN the right to read and search objectClass");
        return;
    }
    buf_puts(why, "; it has");
    for (uint32_t i = 0; i < classes->n_values; i++)
        buf_printf(why, "%s %.*s", i ? "," : "", SLICE_ARG(classes->values[i]));
}

/* 1: class and additional filter match; 0 and *why; -1 and *e. */
static int passes_filters(struct look *l, const struct entry *entry, enum object_kind kind, struct buf *why, struct err *e)
{
    bool account = kind == OBJECT_ACCOUNT;
    const char *class = account ? l->conf->account_class : l->conf->group_class;
    char *filter = config_filter(l->conf, kind);
    struct buf class_filter = {0};
    int rc;

    add_item(&class_filter, "objectClass", slice_of(class));
    rc = matches(l, entry, buf_str(&class_filter), e);
    if (rc == 0) {
        buf_printf(why, "class: it does not have %sObjectClass %s", object_kind_name(kind), class);
        add_classes(entry, why);
    } else if (rc == 1) {
        rc = matches(l, entry, filter, e);
        if (rc == 0)
            buf_printf(why, "filter: it does not match %sAdditionalFilter %s, or the bind DN may not search what that names",
                       object_kind_name(kind), account ? l->conf->account_filter : l->conf->group_filter);
    }
    buf_free(&class_filter);
    free(filter);
    return rc;
}

static void add_host(const struct look *l, const struct entry *entry, struct buf *why)
{
    const struct entry_attr *host = entry_attr(entry, l->conf->host_field);

    buf_printf(why, "host: its %s is", l->conf->host_field);
    for (uint32_t i = 0; host && i < host->n_values; i++)
        buf_printf(why, "%s %.*s", i ? "," : "", SLICE_ARG(host->values[i]));
    buf_printf(why, ", and axigenHost is %s", l->conf->host);
}

/* What axsync compares itself. True: *object is what the entry would be. */
static bool maps(struct look *l, const struct entry *entry, enum object_kind kind, struct object *object, struct buf *why)
{
    struct mapping_note *notes;
    struct slice reason;

    switch (mapping_apply(l->mappings[kind], entry, NULL, &l->a, object, &reason, &notes)) {
    case MAPPED:
        return true;
    case MAPPED_ELSEWHERE:
        add_host(l, entry, why);
        break;
    case MAPPED_INVALID:
        buf_printf(why, "%s: %.*s", l->conf->clustered && entry_attr(entry, l->conf->host_field) == NULL ? "host" : "address",
                   SLICE_ARG(reason));
        break;
    }
    return false;
}

/* ---- who has the address ------------------------------------------------------------------------------------ */

struct owner {
    const struct look *l;
    const struct object *object;
    struct buf *why;
};

static int find_owner(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct owner *o = ctx;
    struct object owner;
    struct arena a = {0};
    uint8_t uuid[UUID_BYTES];
    bool is_alias;

    (void)s;
    (void)e;
    if (c == o->l->conf && objects_owner(t, o->object->address, uuid, &is_alias) != 0 &&
        memcmp(uuid, o->object->uuid, UUID_BYTES) != 0 && objects_get(t, uuid, &owner, &a) != 0)
        buf_printf(o->why, "conflict: the address %.*s belongs to %.*s%s; it goes on by itself when that is free",
                   SLICE_ARG(o->object->address), SLICE_ARG(owner.dn), is_alias ? " as an alias" : "");
    arena_free(&a);
    return 0;
}

static int address_is_free(const struct look *l, const struct object *object, struct buf *why, struct err *e)
{
    struct owner o = {.l = l, .object = object, .why = why};

    return cmd_each_state(l->all, find_owner, &o, NULL, e) < 0 ? -1 : why->len == 0;
}

/* ---- an entry ----------------------------------------------------------------------------------------------- */

/* 1: it is, or will be, an object of that kind, *object; 0 and *why it is not; -1 and *e. */
static int judge(struct look *l, const struct entry *entry, enum object_kind kind, struct object *object, struct buf *why,
                 struct err *e)
{
    int rc;

    if (!in_base(l, entry, kind, why))
        return 0;
    rc = passes_filters(l, entry, kind, why, e);
    if (rc <= 0)
        return rc;
    return maps(l, entry, kind, object, why) ? address_is_free(l, object, why, e) : 0;
}

/* What is told when all conditions are met. */
static void tell_met(const struct object *object)
{
    struct buf text = {0};

    buf_printf(&text, "it meets all conditions, as %.*s: it is taken in when axsync run has read it, with a refresh at the latest",
               SLICE_ARG(object->address));
    entry_line(object->kind == OBJECT_ACCOUNT ? "account" : "group", buf_slice(&text));
    buf_free(&text);
}

static int judge_kind(struct look *l, const struct entry *entry, enum object_kind kind, bool *met, struct err *e)
{
    struct object object;
    struct buf why = {0};
    int rc = judge(l, entry, kind, &object, &why, e);

    *met = rc == 1;
    if (rc == 1)
        tell_met(&object);
    else if (rc == 0)
        entry_line(kind == OBJECT_ACCOUNT ? "no account" : "no group", buf_slice(&why));
    buf_free(&why);
    return rc < 0 ? -1 : 0;
}

static int tell(struct look *l, struct entry *entry, struct err *e)
{
    char uuid[UUID_TEXT];
    bool met = false;
    int rc = 0;

    printf("%s %s: in the directory\n", l->conf->name,
           directory_uuid(&l->directory, entry, entry->uuid) ? uuid_format(entry->uuid, uuid) : "(its UUID can't be read)");
    entry_line("dn", entry->dn);
    for (int kind = 0; kind < OBJECT_KINDS && rc == 0 && !met; kind++)
        if (l->mappings[kind])
            rc = judge_kind(l, entry, (enum object_kind)kind, &met, e);
    return rc;
}

static int tell_all(struct look *l, struct err *e)
{
    size_t n = l->n, met = l->met;
    int rc = 0;

    l->n = SHOWN; /* what the questions find is counted only */
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = tell(l, l->entries[i], e);
    if (met > n)
        printf("%s: and %zu more\n", l->conf->name, met - n);
    return rc < 0 ? rc : (int)n;
}

/* ---- the look-up -------------------------------------------------------------------------------------------- */

static void add_attrs(struct look *l, size_t *n, const char *attribute)
{
    l->attrs = mem_realloc(l->attrs, (*n + 2) * sizeof(*l->attrs));
    l->attrs[(*n)++] = (char *)(uintptr_t)attribute;
    l->attrs[*n] = NULL;
}

static int set_up(struct look *l, struct err *e)
{
    size_t n = 0;

    for (int kind = 0; kind < OBJECT_KINDS; kind++) {
        if (kind == OBJECT_GROUP && *l->conf->group_base == '\0')
            continue;
        l->mappings[kind] = cmd_mapping(l->conf, (enum object_kind)kind, e);
        if (l->mappings[kind] == NULL)
            return -1;
        for (char **a = l->mappings[kind]->request; *a; a++)
            add_attrs(l, &n, *a);
    }
    add_attrs(l, &n, "objectClass");
    add_attrs(l, &n, "entryUUID");
    add_attrs(l, &n, DS389_KEY);
    l->settings = (struct source_settings){.conn = cmd_conn_settings(l->conf), .subject = l->conf->name};
    l->worker.wake_fd = -1;
    directory_init(&l->directory, &l->settings, &l->worker);
    return 0;
}

/* The first server that answers; *e is the last one's. */
static int connect_any(struct look *l, struct err *e)
{
    bool fresh;

    for (size_t i = 0; i < l->conf->n_ldap_uris; i++)
        if (directory_connect(&l->directory, i, &fresh, e) == LDAP_SUCCESS)
            return 0;
    e->class = ERR_UNAVAILABLE;
    return -1;
}

int entry_look(const struct config *conf, const struct config_connector *c, const struct entry_question *q, struct err *e)
{
    struct look l = {.all = conf, .conf = c};
    int rc = set_up(&l, e);

    if (rc == 0) {
        rc = connect_any(&l, e);
        if (rc == 0)
            rc = find(&l, q, e);
        if (rc == 0)
            rc = tell_all(&l, e);
        directory_close(&l.directory);
    }
    for (int kind = 0; kind < OBJECT_KINDS; kind++)
        mapping_free(&l.mappings[kind]);
    free(l.attrs);
    arena_free(&l.a);
    return rc < 0 ? err_add(e, "%s", c->name) : rc;
}
