#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text.h"

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){ 0 };
}

char *buf_room(struct buf *b, size_t n)
{
    if (b->cap - b->len < n) {
        size_t cap = b->cap ? b->cap : 256;

        while (cap - b->len < n)
            cap *= 2;
        b->p = mem_realloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_room(b, n), p, n);
    b->len += n;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.len);
}

void buf_puts(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    buf_room(b, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void buf_u8(struct buf *b, uint8_t v)
{
    *buf_room(b, 1) = (char)v;
    b->len++;
}

static void put_be(struct buf *b, uint64_t v, unsigned bytes)
{
    unsigned char *p = (unsigned char *)buf_room(b, bytes);

    for (unsigned i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> (8 * (bytes - 1 - i)));
    b->len += bytes;
}

void buf_u16(struct buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void buf_bytes(struct buf *b, struct slice s)
{
    buf_u32(b, (uint32_t)s.len);
    buf_add_slice(b, s);
}

const char *buf_str(struct buf *b)
{
    *buf_room(b, 1) = '\0';
    return b->p;
}

struct slice read_take(struct reader *r, size_t n)
{
    struct slice s = { r->p, n };

    if (r->bad || r->left < n) {
        r->bad = true;
        return (struct slice){ "", 0 };
    }
    r->p += n;
    r->left -= n;
    return s;
}

static uint64_t take_be(struct reader *r, unsigned bytes)
{
    struct slice s = read_take(r, bytes);
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | (unsigned char)s.p[i];
    return v;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)take_be(r, 1);
}

uint16_t read_u16(struct reader *r)
{
    return (uint16_t)take_be(r, 2);
}

uint32_t read_u32(struct reader *r)
{
    return (uint32_t)take_be(r, 4);
}

uint64_t read_u64(struct reader *r)
{
    return take_be(r, 8);
}

struct slice read_bytes(struct reader *r)
{
    return read_take(r, read_u32(r));
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x80;
}

static void json_escape(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"':
        buf_puts(b, "\\\"");
        break;
    case '\\':
        buf_puts(b, "\\\\");
        break;
    case '\n':
        buf_puts(b, "\\n");
        break;
    case '\r':
        buf_puts(b, "\\r");
        break;
    case '\t':
        buf_puts(b, "\\t");
        break;
    default:
        buf_printf(b, "\\u%04x", c);
    }
}

void buf_json(struct buf *b, struct slice s)
{
    size_t i = 0;

    buf_u8(b, '"');
    while (i < s.len) {
        size_t from = i;

        while (i < s.len && plain((unsigned char)s.p[i]))
            i++;
        buf_add(b, s.p + from, i - from);
        if (i == s.len)
            break;
        if ((unsigned char)s.p[i] < 0x80) {
            json_escape(b, (unsigned char)s.p[i++]);
        } else {
            size_t n = utf8_length(s.p + i, s.len - i);

            if (n)
                buf_add(b, s.p + i, n);
            else
                buf_puts(b, "\xEF\xBF\xBD");
            i += n ? n : 1;
        }
    }
    buf_u8(b, '"');
}

uint64_t hash64(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
    /* FNV's low bits are good and its high bits are not: mix, since keys are compared from the top. */
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ h >> 32;
}
