#include "since.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_DIGITS 14           /* YYYYmmddHHMMSS */
#define TIMESTAMP_LEN 15        /* … and Z */
#define CSN_LEN 40

static bool all_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)p[i]))
            return false;
    return true;
}

static bool is_csn(struct slice s)
{
    return s.len == CSN_LEN && s.p[DAY_DIGITS] == '.' && all_digits(s.p + 15, 6) && s.p[21] == 'Z' && s.p[22] == '#' &&
           strspn(s.p + 23, "0123456789abcdef#") == CSN_LEN - 23;
}

/* Other forms of GeneralizedTime exist; whoever writes them has no second that can be counted from. */
static bool is_stamp(struct slice s)
{
    return s.len >= TIMESTAMP_LEN && all_digits(s.p, DAY_DIGITS) && (is_csn(s) || (s.len == TIMESTAMP_LEN && s.p[DAY_DIGITS] == 'Z'));
}

static bool latest_is_csn(const struct since *s)
{
    return strchr(s->latest, '#') != NULL;
}

bool since_saw(struct since *s, struct slice stamp, int64_t began_ms)
{
    if (!is_stamp(stamp) || (s->latest[0] && latest_is_csn(s) != is_csn(stamp)))
        return false;
    if (slice_cmp(stamp, slice_of(s->latest)) <= 0)
        return true;
    snprintf(s->latest, sizeof(s->latest), "%.*s", SLICE_ARG(stamp));
    s->latest_ms = began_ms;
    s->settled = false;
    return true;
}

bool since_is_open(const struct since *s)
{
    return s->latest[0] && !latest_is_csn(s) && !s->settled;
}

void since_polled(struct since *s, int64_t began_ms)
{
    if (s->latest[0] && began_ms - s->latest_ms >= (int64_t)SINCE_OVERLAP_S * 1000)
        s->settled = true;
}

const char *since_attribute(const struct since *s)
{
    return latest_is_csn(s) ? "entryCSN" : "modifyTimestamp";
}

/* The second of `latest`, so many seconds later. */
static void put_second(const struct since *s, int later, struct buf *out)
{
    struct tm tm = { 0 };
    char text[DAY_DIGITS + 2];
    time_t t;

    strptime(s->latest, "%Y%m%d%H%M%S", &tm);
    t = timegm(&tm) + later;
    gmtime_r(&t, &tm);
    strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
    buf_add(out, text, DAY_DIGITS);
}

/* The last of a CSN's four parts counts modifications within one operation, and is 0 in practice: the next value of it is the next
 * CSN there can be. */
static void put_next_csn(const struct since *s, struct buf *out)
{
    unsigned long last = strtoul(s->latest + CSN_LEN - 6, NULL, 16);
    char text[7];

    buf_add(out, s->latest, CSN_LEN - 6);
    snprintf(text, sizeof(text), "%06lx", (last + 1) & 0xFFFFFF);
    buf_add(out, text, 6);
}

static void put_begin(const struct since *s, struct buf *out)
{
    if (!latest_is_csn(s)) {
        put_second(s, s->settled ? 1 : -SINCE_OVERLAP_S, out);
        buf_add(out, "Z", 1);
    } else if (s->settled) {
        put_next_csn(s, out);
    } else {
        static const char rest[] = ".000000Z#000000#000#000000";

        put_second(s, -SINCE_OVERLAP_S, out);
        buf_add(out, rest, sizeof(rest) - 1);
    }
}

void since_filter(const struct since *s, const char *and_filter, struct buf *out)
{
    if (and_filter) {
        buf_puts(out, "(&");
        buf_puts(out, and_filter);
    }
    buf_puts(out, "(");
    buf_puts(out, since_attribute(s));
    buf_puts(out, ">=");
    put_begin(s, out);
    buf_puts(out, and_filter ? "))" : ")");
}
