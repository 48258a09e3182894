/* Configurations in temporary files. */
#ifndef TESTS_CONFIG_SUPPORT_H
#define TESTS_CONFIG_SUPPORT_H

#include <sys/types.h>

#include "config.h"

/* A fresh directory; removed with all that is in it at the end of the test. */
const char *scratch(void);
void scratch_remove(void);

/* Writes scratch()/name and returns its path, valid until the process ends. */
const char *scratch_file(const char *name, const char *text, mode_t mode);

/* A whole configuration that is right: with `top` outside of the connector, `inside` in it, `sink` in its file sink.
 * Each begins on a line of its own: top on 1, inside on 3, sink on 5. */
#define LINE_TOP 1
#define LINE_INSIDE 3
#define LINE_SINK 5
#define HEAD "ldapURI = ldap://127.0.0.1  accountBaseDN = \"dc=example,dc=com\"  domain = example.com"
const char *wrapped(const char *top, const char *inside, const char *sink);

/* Reads a configuration from a file of mode 0600 that must be right. */
struct config *read_right(const char *text);

/* Reads one that must be wrong and checks what is said of it: all lines, in order, joined by "\n", each beginning with
 * "LINE: " or, where it is of the file as a whole, with a blank. */
void expect_errors(const char *text, const char *errors);

/* Whether reading it (file of that mode) gives an error on `line` that contains `words`; all errors go into *all,
 * malloc'ed. */
bool has_error(const char *text, mode_t mode, int line, const char *words, char **all);

#endif
