#include "lookup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "clock.h"
#include "ds389.h"
#include "mem.h"
#include "probe.h"

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

void lookup_init(struct lookup *l, const uint8_t *uuids, const struct slice *dns, size_t n)
{
    *l = (struct lookup){ 0 };
    if (n == 0)
        return;
    l->items = mem_alloc(n * sizeof(*l->items));
    for (size_t i = 0; i < n; i++) {
        memcpy(l->items[i].uuid, uuids + i * UUID_BYTES, UUID_BYTES);
        if (dns)
            l->items[i].dn = dns[i];
    }
    qsort(l->items, n, sizeof(*l->items), compare);
    for (size_t i = 0; i < n; i++)
        if (l->n == 0 || compare(&l->items[l->n - 1], &l->items[i]) != 0)
            l->items[l->n++] = l->items[i];
    l->by_list = l->n > PROBE_LIST_FROM;
}

void lookup_free(struct lookup *l)
{
    free(l->items);
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
    struct lookup_item *found = NULL;

    if (l->from < l->to)
        found = bsearch(uuid, &l->items[l->from], l->to - l->from, sizeof(*l->items), compare);
    if (found == NULL || found->answered)
        return false;
    return found->answered = true;
}

const struct lookup_item *lookup_next_open(struct lookup *l)
{
    for (; l->open < l->to; l->open++)
        if (!l->items[l->open].answered) {
            l->items[l->open].answered = true;
            return &l->items[l->open];
        }
    return NULL;
}

bool lookup_is_answered(const struct lookup *l)
{
    for (size_t i = l->from; i < l->to; i++)
        if (!l->items[i].answered)
            return false;
    return true;
}

static void add_uuid(const struct lookup *l, struct buf *b, const uint8_t *uuid)
{
    char text[UUID_TEXT];

    if (l->ds389)
        buf_printf(b, "(" DS389_KEY "=%s)", ds389_key_format(uuid, text));
    else
        buf_printf(b, "(entryUUID=%s)", uuid_format(uuid, text));
}

static void add_uuids(const struct lookup *l, struct buf *b, const uint8_t *also)
{
    buf_puts(b, "(|");
    if (also)
        add_uuid(l, b, also);
    for (size_t i = l->from; i < l->to; i++)
        if (!l->items[i].answered)
            add_uuid(l, b, l->items[i].uuid);
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
    static const char *const keys[] = { "entryUUID", DS389_KEY };
    char *const *from = attrs ? attrs : all_user;
    char **to;
    bool there[2] = { false };
    size_t n = 0;

    for (; from[n]; n++)
        for (size_t k = 0; k < 2; k++)
            there[k] |= strcasecmp(from[n], keys[k]) == 0;
    to = mem_alloc((n + 3) * sizeof(*to));
    memcpy(to, from, n * sizeof(*to));
    for (size_t k = 0; k < 2; k++)
        if (!there[k])
            to[n++] = (char *)keys[k];
    return to;
}
