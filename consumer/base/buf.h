/* A growing run of bytes to write into, and a cursor to read from one. Integers are big-endian, so that LMDB's order
 * of keys is the order of numbers. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct buf {
    char *p;       /* owned; NUL-terminated only after buf_str() */
    size_t len;
    size_t cap;
};

void buf_free(struct buf *b);
static inline void buf_reset(struct buf *b) { b->len = 0; }

/* Room for n more bytes; returns where they go. The caller adds to len what it used. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* A 32-bit length, then the bytes. */
void buf_bytes(struct buf *b, struct slice s);
/* NUL-terminated view, valid until the next call on b. */
const char *buf_str(struct buf *b);
static inline struct slice buf_slice(const struct buf *b) { return (struct slice){ b->p, b->len }; }

/* Reads past the end give zeros and set bad: check it once, at the end. */
struct reader {
    const char *p;
    size_t left;
    bool bad;
};

static inline struct reader reader_of(struct slice s) { return (struct reader){ s.p, s.len, false }; }
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct slice read_take(struct reader *r, size_t n);
struct slice read_bytes(struct reader *r);   /* what buf_bytes() wrote */

/* JSON text (RFC 8259) into a buffer: "…" with everything escaped that must be. Bytes are taken as UTF-8;
 * what is not valid UTF-8 becomes U+FFFD, so that a line is always valid. */
void buf_json(struct buf *b, struct slice s);

/* FNV-1a, 64 bits: for index keys whose hits are verified, never as proof of equality. */
uint64_t hash64(struct slice s);

#endif
