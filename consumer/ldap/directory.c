#include "directory.h"

#include <ctype.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "ds389.h"
#include "paged.h"

#define ANY "(objectClass=*)"
#define MANY 200   /* after so many messages a search is a listing, which brings still more */

static char *const uuid_attrs[] = { (char *)"entryUUID", (char *)DS389_KEY, NULL };
static char *const context_attrs[] = { (char *)"namingContexts", (char *)DS389_VENDOR, NULL };
static char *const no_attrs[] = { (char *)LDAP_NO_ATTRS, NULL };
static char *const csn_attrs[] = { (char *)"contextCSN", NULL };

void directory_init(struct directory *d, const struct source_settings *settings, struct worker *worker)
{
    *d = (struct directory){ .settings = settings, .worker = worker };
}

void directory_close(struct directory *d)
{
    const atomic_bool *give_up = d->give_up;

    if (!d->borrowed)
        conn_close(&d->ld);
    arena_free(&d->memory);
    directory_init(d, d->settings, d->worker);
    d->give_up = give_up;
}

const char *directory_key(const struct directory *d)
{
    return d->ds389 ? DS389_KEY : "entryUUID";
}

bool directory_uuid(const struct directory *d, const struct entry *entry, uint8_t uuid[UUID_BYTES])
{
    const struct entry_attr *attr = entry_attr(entry, directory_key(d));

    if (attr == NULL || attr->n_values != 1)
        return false;
    return d->ds389 ? ds389_key_parse(attr->values[0], uuid) : uuid_parse(attr->values[0], uuid);
}

/* ---- Searching ---- */

static int64_t deadline_of(const struct reading *r)
{
    return r->timeout_s ? clock_mono_ms() + (int64_t)r->timeout_s * 1000 : -1;
}

static int cancelled(struct err *e)
{
    err_set(e, ERR_TEMP, "ended before it was through");
    return LDAP_USER_CANCELLED;
}

static int lost(struct directory *d, int rc, const char *what, struct err *e)
{
    conn_explain(d->ld, rc, what, NULL, e);
    directory_close(d);
    return rc;
}

/* LDAP_SUCCESS and *over false: the search goes on. */
static int take_row(struct reading *r, const struct message *msg, struct err *e)
{
    struct arena *a = r->memory(r->ctx);
    struct entry *entry = arena_alloc(a, sizeof(*entry));

    if (message_entry(msg, entry, a, e) < 0)
        return LDAP_DECODING_ERROR;
    return r->row(r->ctx, entry) ? LDAP_SUCCESS : cancelled(e);
}

static int take_end(struct directory *d, struct reading *r, const struct message *msg, struct err *e)
{
    struct arena scratch = { 0 };
    struct slice text;
    int rc;

    if (message_result(msg, &rc, &text, &scratch, e) < 0)
        rc = LDAP_DECODING_ERROR;
    else if (rc != LDAP_SUCCESS)
        conn_explain(d->ld, rc, r->base, text.p, e);
    else if (r->paged && paged_take(r->paged, msg, e) < 0)
        rc = LDAP_DECODING_ERROR;
    arena_free(&scratch);
    return rc;
}

static int take_answer(struct directory *d, struct reading *r, LDAPMessage *from, bool *over, struct err *e)
{
    struct message msg;

    if (!conn_message(from, &msg)) {
        err_set(e, ERR_DATA, "a message came that is no LDAPMessage");
        return LDAP_DECODING_ERROR;
    }
    switch (msg.op) {
    case MESSAGE_ENTRY:
        return take_row(r, &msg, e);
    case MESSAGE_RESULT:
        *over = true;
        return take_end(d, r, &msg, e);
    case MESSAGE_REFERENCE:
        r->referred = true;
        return LDAP_SUCCESS;
    default:
        return LDAP_SUCCESS;
    }
}

static void wait_for_more(struct directory *d, int64_t until_ms, unsigned long taken)
{
    worker_wait(d->worker, conn_fd(d->ld), until_ms);
    if (taken > MANY)
        worker_gather();
}

static bool is_given_up(const struct directory *d)
{
    return d->give_up && atomic_load(d->give_up);
}

/* Until the result has come; anything else than LDAP_SUCCESS ends it at once. */
static int take_answers(struct directory *d, struct reading *r, int msgid, struct err *e)
{
    int64_t until_ms = deadline_of(r);
    unsigned long taken = 0;
    bool over = false;
    int rc = LDAP_SUCCESS;

    while (rc == LDAP_SUCCESS && !over) {
        struct timeval at_once = { 0 };
        LDAPMessage *msg = NULL;
        int got = ldap_result(d->ld, msgid, LDAP_MSG_ONE, &at_once, &msg);

        taken += got > 0;
        if (got > 0)
            until_ms = deadline_of(r);
        if (worker_stopping(d->worker))
            rc = cancelled(e);
        else if (got > 0)
            rc = take_answer(d, r, msg, &over, e);
        else if (got < 0)
            return lost(d, conn_error(d->ld), r->base, e);
        else if (is_given_up(d) || (until_ms >= 0 && clock_mono_ms() >= until_ms))
            return lost(d, LDAP_TIMEOUT, r->base, e);
        else
            wait_for_more(d, until_ms, taken);
        ldap_msgfree(msg);
    }
    /* Cut short, or beyond understanding: what is still to come on this connection would be for nobody. */
    if (rc < 0)
        directory_close(d);
    return rc;
}

int directory_search(struct directory *d, struct reading *r, struct err *e)
{
    LDAPControl manage = { .ldctl_oid = (char *)LDAP_CONTROL_MANAGEDSAIT };
    LDAPControl page;
    LDAPControl *controls[3] = { NULL };
    int n = 0, msgid, rc;

    r->referred = false;
    if (r->with_referrals)
        controls[n++] = &manage;
    if (r->paged)
        controls[n++] = paged_control(r->paged, &page);
    rc = ldap_search_ext(d->ld, r->base, r->scope, r->filter, r->attrs, 0, controls, NULL, NULL, LDAP_NO_LIMIT, &msgid);
    return rc == LDAP_SUCCESS ? take_answers(d, r, msgid, e) : lost(d, rc, r->base, e);
}

/* ---- Reading one entry ---- */

struct one {
    struct arena *memory;
    struct entry *entry;
};

static struct arena *one_memory(void *ctx)
{
    return ((struct one *)ctx)->memory;
}

static bool one_row(void *ctx, struct entry *entry)
{
    ((struct one *)ctx)->entry = entry;
    return true;
}

/* *entry is NULL if the server shows none, which is what it does with an entry that may not be read. */
static int read_entry(struct directory *d, const char *dn, char *const *attrs, struct arena *a, struct entry **entry, struct err *e)
{
    struct one one = { .memory = a };
    struct reading r = { .base = dn, .scope = LDAP_SCOPE_BASE, .filter = ANY, .attrs = (char **)attrs, .with_referrals = true,
                         .timeout_s = d->settings->conn.timeout_s, .memory = one_memory, .row = one_row, .ctx = &one };
    int rc = directory_search(d, &r, e);

    *entry = rc == LDAP_SUCCESS ? one.entry : NULL;
    return rc == LDAP_NO_SUCH_OBJECT || rc == LDAP_INSUFFICIENT_ACCESS ? LDAP_SUCCESS : rc;
}

/* ---- Naming contexts ---- */

static int learn(struct directory *d, struct err *e)
{
    const struct entry_attr *attr;
    struct entry *root;
    int rc = read_entry(d, "", context_attrs, &d->memory, &root, e);

    if (rc != LDAP_SUCCESS)
        return rc;
    d->ds389 = ds389_is_it(root);
    attr = root ? entry_attr(root, context_attrs[0]) : NULL;
    d->n_contexts = attr ? attr->n_values : 0;
    d->contexts = attr ? attr->values : NULL;
    d->anchors = arena_alloc(&d->memory, d->settings->n_specs * sizeof(*d->anchors));
    return LDAP_SUCCESS;
}

int directory_connect(struct directory *d, size_t uri, bool *fresh, struct err *e)
{
    int rc;

    *fresh = d->ld == NULL || d->uri != uri;
    if (!*fresh)
        return LDAP_SUCCESS;
    directory_close(d);
    d->ld = conn_open(&d->settings->conn, uri, e);
    d->uri = uri;
    if (d->ld == NULL)
        return e->code ? e->code : LDAP_LOCAL_ERROR;
    rc = learn(d, e);
    if (rc != LDAP_SUCCESS)
        directory_close(d);
    return rc;
}

int directory_borrow(struct directory *d, LDAP *ld, size_t uri, struct err *e)
{
    directory_close(d);
    d->ld = ld;
    d->uri = uri;
    d->borrowed = true;
    return learn(d, e);
}

static bool is_separator(char c)
{
    return c == ',' || c == '=' || c == '+' || c == ';';
}

/* For comparing only: lower case, no spaces around separators. */
static void normalise(struct slice dn, struct buf *out)
{
    for (size_t i = 0; i < dn.len; i++) {
        char c = dn.p[i];

        if (c == ' ' && (out->len == 0 || is_separator(out->p[out->len - 1])))
            continue;
        while (is_separator(c) && out->len > 0 && out->p[out->len - 1] == ' ')
            out->len--;
        buf_u8(out, (uint8_t)tolower((unsigned char)c));
    }
    while (out->len > 0 && out->p[out->len - 1] == ' ')
        out->len--;
}

/* Whether dn is suffix or lies below it; an escaped comma is no border between RDNs. */
static bool ends_with(struct slice dn, struct slice suffix)
{
    const char *tail;

    if (suffix.len == 0 || slice_eq(dn, suffix))
        return true;
    if (dn.len < suffix.len + 2)
        return false;
    tail = dn.p + dn.len - suffix.len;
    return tail[-1] == ',' && tail[-2] != '\\' && memcmp(tail, suffix.p, suffix.len) == 0;
}

struct slice directory_context(const struct directory *d, const char *dn)
{
    struct buf mine = { 0 };
    struct slice best = { NULL, 0 };
    size_t best_len = 0;

    normalise(slice_of(dn), &mine);
    for (size_t i = 0; i < d->n_contexts; i++) {
        struct buf theirs = { 0 };

        normalise(d->contexts[i], &theirs);
        if (ends_with(buf_slice(&mine), buf_slice(&theirs)) && (best.p == NULL || theirs.len > best_len)) {
            best = d->contexts[i];
            best_len = theirs.len;
        }
        buf_free(&theirs);
    }
    buf_free(&mine);
    return best;
}

/* ---- Parents ---- */

static struct slice parent_text(LDAPDN parsed, struct arena *a)
{
    struct slice parent = { NULL, 0 };
    char *text = NULL;

    if (parsed && parsed[0] && parsed[1] && ldap_dn2str(parsed + 1, &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS)
        parent = arena_copy(a, text, strlen(text));
    ldap_memfree(text);
    return parent;
}

struct slice directory_parent(const struct directory *d, struct slice dn, struct arena *a)
{
    struct berval bv = { .bv_len = dn.len, .bv_val = (char *)dn.p };
    struct slice parent = { NULL, 0 };
    LDAPDN parsed = NULL;

    if (dn.len > 0 && ldap_bv2dn(&bv, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS)
        parent = parent_text(parsed, a);
    ldap_dnfree(parsed);
    return parent.len > 0 && directory_context(d, parent.p).p ? parent : (struct slice){ NULL, 0 };
}

int directory_is_readable(struct directory *d, const char *dn, bool *readable, struct err *e)
{
    struct arena a = { 0 };
    struct entry *entry;
    int rc = read_entry(d, dn, no_attrs, &a, &entry, e);

    *readable = entry != NULL;
    arena_free(&a);
    return rc;
}

/* ---- What makes a look-up count ---- */

int directory_anchor(struct directory *d, unsigned search, struct anchor *anchor, struct err *e)
{
    const char *base = d->settings->specs[search].base;
    const char *dns[] = { directory_context(d, base).p, base };
    struct anchor *mine = &d->anchors[search];

    for (size_t i = 0; i < 2 && !mine->known; i++) {
        struct entry *entry = NULL;
        int rc = dns[i] ? read_entry(d, dns[i], uuid_attrs, &d->memory, &entry, e) : LDAP_SUCCESS;

        if (rc != LDAP_SUCCESS)
            return rc;
        mine->known = entry && directory_uuid(d, entry, mine->uuid);
    }
    *anchor = *mine;
    if (mine->known)
        return LDAP_SUCCESS;
    err_set(e, ERR_UNAVAILABLE, "%s: %s of the base can't be read, so no look-up by it proves anything: give the bind DN the "
                                "right to read and search %s", base, directory_key(d), directory_key(d));
    return LDAP_NO_SUCH_ATTRIBUTE;
}

int directory_mark(struct directory *d, unsigned search, struct arena *a, const uint8_t **mark, struct err *e)
{
    uint8_t *uuid = arena_alloc(a, UUID_BYTES);
    struct entry *entry;
    int rc = read_entry(d, d->settings->specs[search].base, uuid_attrs, a, &entry, e);

    *mark = entry && directory_uuid(d, entry, uuid) ? uuid : NULL;
    return rc;
}

int directory_csns(struct directory *d, unsigned search, struct arena *a, struct slice **csns, uint32_t *n, struct err *e)
{
    struct slice context = directory_context(d, d->settings->specs[search].base);
    const struct entry_attr *attr;
    struct entry *entry;
    /* Without a naming context the root DSE is read: that shows at least that the server answers. */
    int rc = read_entry(d, context.p ? context.p : "", csn_attrs, a, &entry, e);

    attr = entry ? entry_attr(entry, csn_attrs[0]) : NULL;
    *n = attr ? attr->n_values : 0;
    *csns = attr ? attr->values : NULL;
    return rc;
}
