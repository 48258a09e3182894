#include "unwell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Groups that only count are forgotten when there are that many: a count begun anew does no harm. */
#define GROUPS_MAX 4096

void unwell_free(struct unwell *u)
{
    free(u->groups);
    *u = (struct unwell){ 0 };
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

static int compare(const struct aside_group *x, const struct aside_group *y)
{
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type);
}

/* Where it is, or would be. */
static size_t place(const struct unwell *u, const struct aside_group *id)
{
    size_t low = 0, high = u->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare(&u->groups[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct unwell_group *find(const struct unwell *u, enum aside_state state, const struct aside_row *row)
{
    struct aside_group id;
    size_t at;

    if (u->n == 0)
        return NULL;
    id = aside_group_of(state, row);
    at = place(u, &id);
    return at < u->n && compare(&u->groups[at].id, &id) == 0 ? &u->groups[at] : NULL;
}

static void forget(struct unwell *u, struct unwell_group *g)
{
    size_t at = (size_t)(g - u->groups);

    memmove(g, g + 1, (u->n - at - 1) * sizeof(*g));
    u->n--;
}

static void forget_counts(struct unwell *u)
{
    size_t kept = 0;

    for (size_t i = 0; i < u->n; i++)
        if (u->groups[i].phase != UNWELL_COUNTING)
            u->groups[kept++] = u->groups[i];
    u->n = kept;
}

static struct unwell_group *make(struct unwell *u, const struct aside_group *id)
{
    size_t at;

    if (u->n >= GROUPS_MAX)
        forget_counts(u);
    at = place(u, id);
    if (at < u->n && compare(&u->groups[at].id, id) == 0)
        return &u->groups[at];
    if (u->n == u->cap) {
        u->cap = u->cap ? u->cap * 2 : 8;
        u->groups = mem_realloc(u->groups, u->cap * sizeof(*u->groups));
    }
    memmove(&u->groups[at + 1], &u->groups[at], (u->n - at) * sizeof(*u->groups));
    u->n++;
    u->groups[at] = (struct unwell_group){ .id = *id };
    return &u->groups[at];
}

/* ---- words --------------------------------------------------------------------------------------------------- */

/* An apostrophe within a word is none. */
static size_t quoted(struct slice s, size_t at, bool begins)
{
    char quote = s.p[at];
    const char *end = memchr(s.p + at + 1, quote, s.len - at - 1);

    return (quote == '"' || (quote == '\'' && begins)) && end ? (size_t)(end - s.p) + 1 - at : 0;
}

static bool ends_word(char c)
{
    return isspace((unsigned char)c) || strchr("\"'<>(),;:", c) != NULL;
}

/* Length of a word that is an address, or the local part of the account's. */
static size_t personal(struct slice s, size_t at, struct slice local)
{
    size_t n = 0;

    while (at + n < s.len && !ends_word(s.p[at + n]))
        n++;
    while (n > 1 && s.p[at + n - 1] == '.')   /* of the sentence */
        n--;
    if (n == 0 || memchr(s.p + at, '@', n))
        return n;
    return local.len == n && strncasecmp(local.p, s.p + at, n) == 0 ? n : 0;
}

uint64_t unwell_words(struct slice words, struct slice local)
{
    struct buf plain = { 0 };
    bool begins = true;
    uint64_t hash;

    for (size_t i = 0; i < words.len;) {
        size_t skip = quoted(words, i, begins);

        if (skip == 0 && begins)
            skip = personal(words, i, local);
        if (skip == 0 && isdigit((unsigned char)words.p[i]))
            skip = 1;
        if (skip == 0) {
            begins = ends_word(words.p[i]);
            buf_u8(&plain, (uint8_t)tolower((unsigned char)words.p[i]));
            skip = 1;
        }
        i += skip;
    }
    hash = hash64(buf_slice(&plain));
    buf_free(&plain);
    return hash;
}

/* ---- what happens -------------------------------------------------------------------------------------------- */

static void wait_from(struct unwell_group *g, int64_t now_ms, const struct retry_limits *limits)
{
    g->phase = UNWELL_WAITING;
    g->failures = 1;
    g->next_ms = now_ms + retry_delay_ms(1, limits);
}

void unwell_restore(struct unwell *u, const struct aside_group *id)
{
    struct unwell_group *g = make(u, id);

    g->phase = UNWELL_WAITING;
    g->next_ms = 0;
}

static bool is_waiting(const struct unwell_group *g)
{
    return g && g->phase == UNWELL_WAITING;
}

enum aside_state unwell_waits(const struct unwell *u, const struct aside_row *row)
{
    if (is_waiting(find(u, ASIDE_DOMAIN, row)))
        return ASIDE_DOMAIN;
    return is_waiting(find(u, ASIDE_UNWELL, row)) ? ASIDE_UNWELL : ASIDE_RETRY;
}

static bool is_counted(const struct unwell_group *g, const uint8_t *uuid)
{
    for (unsigned i = 0; i < g->n_uuids; i++)
        if (memcmp(g->uuids[i], uuid, UUID_BYTES) == 0)
            return true;
    return false;
}

static bool count(struct unwell_group *g, const uint8_t *uuid, uint64_t words)
{
    if (g->words != words)
        g->n_uuids = 0;
    g->words = words;
    if (!is_counted(g, uuid))
        memcpy(g->uuids[g->n_uuids++], uuid, UUID_BYTES);
    return g->n_uuids == UNWELL_ACCOUNTS;
}

bool unwell_refused(struct unwell *u, const struct aside_row *row, struct slice local, struct slice words,
                    int64_t now_ms, const struct retry_limits *limits)
{
    struct aside_group id = aside_group_of(ASIDE_UNWELL, row);
    struct unwell_group *g = make(u, &id);
    uint64_t hash = unwell_words(words, local);

    if (g->phase == UNWELL_WAITING && g->words == 0)   /* restored: the words are not known any more */
        g->words = hash;
    if (g->phase == UNWELL_WAITING)
        return hash == g->words;
    if (!count(g, row->uuid, hash))   /* DRAINING too: the count began anew with the success */
        return false;
    g->n_uuids = 0;
    wait_from(g, now_ms, limits);
    return true;
}

void unwell_no_domain(struct unwell *u, const struct aside_row *row, int64_t now_ms, const struct retry_limits *limits)
{
    struct aside_group id = aside_group_of(ASIDE_DOMAIN, row);
    struct unwell_group *g = make(u, &id);

    if (g->phase != UNWELL_WAITING)
        wait_from(g, now_ms, limits);
}

/* A waiting group may go; one that only counts begins anew. */
static bool well_again(struct unwell *u, struct unwell_group *g)
{
    if (g == NULL)
        return false;
    if (g->phase == UNWELL_COUNTING) {
        forget(u, g);
        return false;
    }
    g->n_uuids = 0;
    if (g->phase == UNWELL_DRAINING)
        return false;
    g->phase = UNWELL_DRAINING;
    g->cursor = (struct aside_id){ 0 };
    return true;
}

bool unwell_done(struct unwell *u, const struct aside_row *row)
{
    return well_again(u, find(u, ASIDE_UNWELL, row));
}

bool unwell_domain_there(struct unwell *u, const struct aside_row *row)
{
    return well_again(u, find(u, ASIDE_DOMAIN, row));
}

struct unwell_group *unwell_due(struct unwell *u, int64_t now_ms, int64_t max_ms)
{
    for (size_t i = 0; i < u->n; i++) {
        struct unwell_group *g = &u->groups[i];

        if (g->phase == UNWELL_WAITING && (g->next_ms <= now_ms || g->next_ms > now_ms + max_ms))
            return g;
    }
    return NULL;
}

/* Whether a domain is there, and has no other writer, costs two commands to see. */
static int64_t delay_ms(const struct unwell_group *g, const struct retry_limits *limits)
{
    int64_t delay = retry_delay_ms(g->failures, limits);

    return g->id.state == ASIDE_DOMAIN && delay > UNWELL_DOMAIN_MS ? UNWELL_DOMAIN_MS : delay;
}

void unwell_tried(struct unwell_group *g, int64_t now_ms, const struct retry_limits *limits)
{
    g->failures++;
    g->next_ms = now_ms + delay_ms(g, limits);
}

struct unwell_group *unwell_draining(struct unwell *u)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->groups[i].phase == UNWELL_DRAINING)
            return &u->groups[i];
    return NULL;
}

void unwell_drained(struct unwell *u, struct unwell_group *g)
{
    forget(u, g);
}

int64_t unwell_next_ms(const struct unwell *u)
{
    int64_t next = -1;

    for (size_t i = 0; i < u->n; i++)
        if (u->groups[i].phase == UNWELL_WAITING && (next < 0 || u->groups[i].next_ms < next))
            next = u->groups[i].next_ms;
    return next;
}
