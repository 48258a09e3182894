/* Making BER for the tests, with liblber's own encoder: what it writes, decode.c and message.c must read. */
#ifndef TESTS_LDAP_BER_H
#define TESTS_LDAP_BER_H

#include <lber.h>

#include "slice.h"

/* A value by ber_printf(3): BER("{eo}", 1, "x", (ber_len_t)1). May be nested. All values live until the test ends. */
#define BER(...) ber_finish(ber_printf(ber_begin(), __VA_ARGS__))
BerElement *ber_begin(void);
struct slice ber_finish(int rc);

/* "01 0aff", with blanks where one likes, as bytes. */
struct slice hex(const char *digits);

/* The first n bytes of s in memory of exactly that size, so that a sanitizer sees each read behind them. */
struct slice cut(struct slice s, size_t n);

/* n bytes that are all the same: a UUID, say. */
const char *same(unsigned char byte, size_t n);

/* What BER("{eO}") and the like take. */
struct berval *value_of(struct slice s);

#endif
