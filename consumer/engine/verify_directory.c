/* The directory's part: all that the searches show is compared as it comes. What differs, and what the state has beyond
 * it, is looked up once more by its UUID, in place and then without the filter, and its state read after that: only
 * what differs still is a difference. */
#include "verify_parts.h"

#include <stdlib.h>

#include "clock.h"
#include "lookup.h"
#include "paged.h"

#define AGAIN_MS 1000  /* a running daemon gets so long to take in what was changed meanwhile … */
#define ROUNDS 3       /* … and is looked at so many times */
#define QUIET_TIMES 30 /* a list may be silent for so many times `timeout`: probe.c */

struct listing {
    struct verify *v;
    struct mirror_search *s;
    struct arena a; /* of one entry */
    struct census seen;
    struct buf suspects; /* UUIDs */
    size_t rows, nameless;
    /* of a round of look-ups */
    struct lookup lookup;
    bool in_place, last;
};

/* ---- reading ------------------------------------------------------------------------------------------------ */

static struct reading reading_of(struct verify *v, const struct search_spec *spec, char **attrs)
{
    return (struct reading){.base = spec->base,
                            .scope = spec->scope,
                            .filter = spec->filter,
                            .attrs = attrs,
                            .timeout_s = v->settings.conn.timeout_s * QUIET_TIMES};
}

static int failed(int rc, struct err *e)
{
    if (rc == LDAP_SUCCESS)
        return 0;
    if (e->text[0] == '\0')
        err_set(e, ERR_UNAVAILABLE, "%s", ldap_err2string(rc));
    e->class = ERR_UNAVAILABLE;
    return -1;
}

int verify_read(struct verify *v, unsigned search, struct arena *(*memory)(void *ctx),
                bool (*row)(void *ctx, struct entry *entry), void *ctx, struct err *e)
{
    char **attrs = lookup_attrs(v->made.specs[search].attrs);
    struct reading r = reading_of(v, &v->made.specs[search], attrs);
    int rc;

    r.memory = memory;
    r.row = row;
    r.ctx = ctx;
    rc = paged_search(&v->directory, &r, v->paged, e);
    free(attrs);
    return failed(rc, e);
}

static struct arena *one_entry(void *ctx)
{
    struct listing *r = ctx;

    arena_reset(&r->a);
    return &r->a;
}

/* ---- what is found ------------------------------------------------------------------------------------------ */

static void say(struct listing *r, const uint8_t *uuid, struct slice dn, const struct verify_finding *f,
                const char *text)
{
    char id[UUID_TEXT];

    verify_say(r->v, VERIFY_DIFFERENCE, r->v->conf->name, "%s %.*s (%.*s%suuid %s): %s",
               object_kind_name(search_objects(r->s)), f->address.len ? (int)f->address.len : 1,
               f->address.len ? f->address.p : "-", SLICE_ARG(dn), dn.len ? ", " : "", uuid_format(uuid, id), text);
}

static void report(struct listing *r, const uint8_t *uuid, struct slice dn, const struct verify_finding *f)
{
    struct verify_repair repair = {.kind = search_objects(r->s)};
    struct buf text = {0};

    if (f->why && f->d.n == 0)
        say(r, uuid, dn, f, f->why);
    for (size_t i = 0; i < f->d.n; i++) {
        buf_reset(&text);
        compare_text(&f->d.items[i], "the state", "the directory", &text);
        if (f->why)
            buf_printf(&text, "; %s", f->why);
        say(r, uuid, dn, f, buf_str(&text));
    }
    buf_free(&text);
    memcpy(repair.uuid, uuid, UUID_BYTES);
    r->v->calls->repair(r->v->calls->ctx, &repair);
    r->v->counts.differ++;
}

/* After a look at an entry: it is through, or is looked at again. */
static void take(struct listing *r, const uint8_t *uuid, struct slice dn, const struct verify_finding *f)
{
    if (f->differs && !r->last) {
        buf_add(&r->suspects, uuid, UUID_BYTES);
        return;
    }
    verify_add(&r->v->counts, &f->counts);
    if (f->differs)
        report(r, uuid, dn, f);
}

static bool listed_row(void *ctx, struct entry *entry)
{
    struct listing *r = ctx;
    struct verify_finding f;

    r->rows++;
    r->v->calls->progress(r->v->calls->ctx, r->v->conf->name, search_kind_word(r->s->kind), r->rows);
    if (!directory_uuid(&r->v->directory, entry, entry->uuid)) {
        r->nameless++;
        return true;
    }
    census_saw(&r->seen, entry->uuid);
    verify_breathe(r->v);
    verify_entry(r->v, r->s, entry, &r->a, &f);
    take(r, entry->uuid, entry->dn, &f);
    return true;
}

static void suspect_absent(void *ctx, const uint8_t *uuid)
{
    struct listing *r = ctx;

    buf_add(&r->suspects, uuid, UUID_BYTES);
}

static void ignore(void *ctx, const uint8_t *uuid)
{
    (void)ctx;
    (void)uuid;
}

/* ---- looking again ------------------------------------------------------------------------------------------ */

static void absent(struct listing *r, const uint8_t *uuid, struct slice dn)
{
    struct verify_finding f;

    verify_refresh(r->v);
    verify_absent(r->v, r->s, uuid, dn, &r->a, &f);
    take(r, uuid, dn, &f);
}

/* The state is read after the entry: what the daemon has taken in by then is no difference. */
static bool looked_up_row(void *ctx, struct entry *entry)
{
    struct listing *r = ctx;
    struct verify_finding f;

    if (!directory_uuid(&r->v->directory, entry, entry->uuid) || !lookup_answer(&r->lookup, entry->uuid))
        return true;
    if (!r->in_place) {
        absent(r, entry->uuid, entry->dn);
        return true;
    }
    verify_refresh(r->v);
    verify_entry(r->v, r->s, entry, &r->a, &f);
    take(r, entry->uuid, entry->dn, &f);
    return true;
}

static int search_part(struct listing *r, struct reading *g, const char *and_filter, struct err *e)
{
    char *filter = lookup_filter(&r->lookup, and_filter, NULL);
    int rc;

    g->filter = filter;
    g->memory = one_entry;
    g->row = looked_up_row;
    g->ctx = r;
    rc = paged_search(&r->v->directory, g, r->v->paged, e);
    free(filter);
    return failed(rc, e);
}

/* In place; then, without the filter, in the whole naming context. */
static int look_up_part(struct listing *r, struct err *e)
{
    struct verify *v = r->v;
    const struct search_spec *spec = search_spec(&v->made, r->s);
    struct slice context = directory_context(&v->directory, spec->base);
    char **attrs = lookup_attrs(spec->attrs), *uuid_only[] = {(char *)(uintptr_t)directory_key(&v->directory), NULL};
    struct reading g = reading_of(v, spec, attrs);
    const struct lookup_item *open;
    int rc;

    r->in_place = true;
    rc = search_part(r, &g, spec->filter, e);
    if (rc == 0 && !lookup_is_answered(&r->lookup)) {
        r->in_place = false;
        g = reading_of(v, spec, uuid_only);
        g.base = context.p ? context.p : spec->base;
        g.scope = LDAP_SCOPE_SUBTREE;
        g.with_referrals = true;
        rc = search_part(r, &g, NULL, e);
    }
    while (rc == 0 && (open = lookup_next_open(&r->lookup)) != NULL) {
        arena_reset(&r->a);
        absent(r, open->uuid, (struct slice){"", 0});
    }
    free(attrs);
    return rc;
}

static int look_again(struct listing *r, struct err *e)
{
    struct buf uuids = r->suspects;
    int rc = 0;

    r->suspects = (struct buf){0};
    lookup_init(&r->lookup, (const uint8_t *)uuids.p, NULL, uuids.len / UUID_BYTES);
    r->lookup.ds389 = r->v->directory.ds389;
    while (rc == 0 && lookup_part(&r->lookup))
        rc = look_up_part(r, e);
    lookup_free(&r->lookup);
    buf_free(&uuids);
    return rc;
}

static int settle(struct listing *r, struct err *e)
{
    int rounds = r->v->live ? ROUNDS : 1, rc = 0;

    for (int i = 0; i < rounds && rc == 0 && r->suspects.len > 0; i++) {
        if (i > 0)
            worker_wait(&r->v->worker, -1, clock_mono_ms() + AGAIN_MS);
        r->last = i + 1 == rounds;
        rc = look_again(r, e);
    }
    return rc;
}

/* ---- a search ----------------------------------------------------------------------------------------------- */

static int compare(struct listing *r, struct err *e)
{
    unsigned search = search_index(&r->v->made, r->s);

    census_begin(&r->seen);
    if (verify_read(r->v, search, one_entry, listed_row, r, e) != 0)
        return -1;
    if (r->nameless > 0)
        return err_set(
            e, ERR_UNAVAILABLE,
            "%zu entries came without a readable %s, so nothing can be compared: give the bind DN the right "
            "to read and search it",
            r->nameless, directory_key(&r->v->directory));
    verify_refresh(r->v);
    census_end(&r->seen, verify_txn(r->v), search_objects(r->s), suspect_absent, ignore, r);
    return settle(r, e);
}

static int compare_search(struct verify *v, struct mirror_search *s, struct err *e)
{
    struct listing r = {.v = v, .s = s};
    int rc = compare(&r, e);

    census_drop(&r.seen);
    buf_free(&r.suspects);
    arena_free(&r.a);
    return rc;
}

/* A server that lacks what the state has seen can't tell what is right. */
static int note_behind(struct verify *v, struct mirror_search *s, struct err *e)
{
    struct csn_set shown = {0}, highest = {0};
    struct arena a = {0};
    struct slice stored, *csns;
    struct csn c;
    uint32_t n;
    uint16_t sid;
    int rc = directory_csns(&v->directory, search_index(&v->made, s), &a, &csns, &n, e);

    for (uint32_t i = 0; rc == LDAP_SUCCESS && i < n; i++)
        if (csn_parse(csns[i], &c))
            csn_set_add(&shown, &c);
    if (rc == LDAP_SUCCESS && shown.n && meta_get(verify_txn(v), "highest", search_kind_key(s->kind), &stored) &&
        csn_set_parse(stored, &highest) && csn_set_behind(&shown, &highest, &sid))
        verify_say(v, VERIFY_NOTE, v->conf->name,
                   "%s is behind what the state has seen of server ID %03x: what differs may be what this server lacks",
                   v->settings.conn.uris[v->directory.uri], sid);
    csn_set_free(&shown);
    csn_set_free(&highest);
    arena_free(&a);
    return rc == LDAP_SUCCESS ? 0 : failed(rc, e);
}

int verify_directory(struct verify *v, struct err *e)
{
    int rc = note_behind(v, &v->made.searches[0], e);

    for (unsigned i = 0; i < v->made.n_searches && rc == 0; i++)
        if (search_shows_objects(&v->made.searches[i]))
            rc = compare_search(v, &v->made.searches[i], e);
    return rc;
}
