#include "lookup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "probe.h"

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

static uint8_t *uuid_at(const struct lookup *l, size_t i)
{
    return l->uuids + i * UUID_BYTES;
}

void lookup_init(struct lookup *l, const uint8_t *uuids, size_t n)
{
    *l = (struct lookup){ 0 };
    if (n == 0)
        return;
    l->uuids = mem_alloc(n * UUID_BYTES);
    l->answered = mem_alloc(n * sizeof(*l->answered));
    memcpy(l->uuids, uuids, n * UUID_BYTES);
    qsort(l->uuids, n, UUID_BYTES, compare);
    for (size_t i = 0; i < n; i++)
        if (l->n == 0 || compare(uuid_at(l, l->n - 1), uuid_at(l, i)) != 0)
            memmove(uuid_at(l, l->n++), uuid_at(l, i), UUID_BYTES);
    l->by_list = l->n > PROBE_LIST_FROM;
}

void lookup_free(struct lookup *l)
{
    free(l->uuids);
    free(l->answered);
    *l = (struct lookup){ 0 };
}

bool lookup_part(struct lookup *l)
{
    int64_t now = clock_mono_ms();
    size_t left = l->n - l->to;

    if (l->to > 0 && now - l->part_ms > LOOKUP_SLOW_MS && left > LOOKUP_AT_ONCE)
        l->by_list = true;
    l->part_ms = now;
    l->from = l->open = l->to;
    l->to += l->by_list || left < LOOKUP_AT_ONCE ? left : LOOKUP_AT_ONCE;
    return l->from < l->to;
}

void lookup_all(struct lookup *l)
{
    l->from = l->open = 0;
    l->to = l->n;
}

bool lookup_answer(struct lookup *l, const uint8_t uuid[UUID_BYTES])
{
    uint8_t *found = NULL;
    size_t i;

    if (l->from < l->to)
        found = bsearch(uuid, uuid_at(l, l->from), l->to - l->from, UUID_BYTES, compare);
    if (found == NULL)
        return false;
    i = (size_t)(found - l->uuids) / UUID_BYTES;
    if (l->answered[i])
        return false;
    return l->answered[i] = true;
}

const uint8_t *lookup_next_open(struct lookup *l)
{
    for (; l->open < l->to; l->open++)
        if (!l->answered[l->open]) {
            l->answered[l->open] = true;
            return uuid_at(l, l->open);
        }
    return NULL;
}

bool lookup_is_answered(const struct lookup *l)
{
    for (size_t i = l->from; i < l->to; i++)
        if (!l->answered[i])
            return false;
    return true;
}

static void add_uuid(struct buf *b, const uint8_t *uuid)
{
    char text[UUID_TEXT];

    buf_printf(b, "(entryUUID=%s)", uuid_format(uuid, text));
}

static void add_uuids(const struct lookup *l, struct buf *b, const uint8_t *also)
{
    buf_puts(b, "(|");
    if (also)
        add_uuid(b, also);
    for (size_t i = l->from; i < l->to; i++)
        if (!l->answered[i])
            add_uuid(b, uuid_at(l, i));
    buf_puts(b, ")");
}

char *lookup_filter(const struct lookup *l, const char *and_filter, const uint8_t *also)
{
    struct buf b = { 0 };

    if (l->by_list)
        return mem_strdup(and_filter ? and_filter : "(objectClass=*)");
    if (and_filter)
        buf_printf(&b, and_filter[0] == '(' ? "(&%s" : "(&(%s)", and_filter);
    add_uuids(l, &b, also);
    if (and_filter)
        buf_puts(&b, ")");
    buf_str(&b);
    return b.p;
}

char **lookup_attrs(char **attrs)
{
    static char *const all_user[] = { (char *)"*", NULL };
    char *const *from = attrs ? attrs : all_user;
    char **to;
    bool there = false;
    size_t n = 0;

    for (; from[n]; n++)
        there |= strcasecmp(from[n], "entryUUID") == 0;
    to = mem_alloc((n + 2) * sizeof(*to));
    memcpy(to, from, n * sizeof(*to));
    if (!there)
        to[n] = (char *)"entryUUID";
    return to;
}
