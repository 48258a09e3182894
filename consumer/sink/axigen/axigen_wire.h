/* The bytes of Axigen's CLI, pure: commands are written here, answers are split and read here.
 *
 * A command line is built piece by piece, and each piece says what it is, so that nobody can forget to quote:
 *
 *     struct wire_command c = { 0 };
 *     struct err e;
 *
 *     wire_words(&c, "ADD Account name");
 *     wire_value(&c, name);                     "a\"b": can't end its argument, nor start a command
 *     wire_words(&c, "password");
 *     wire_secret(&c, password);                the same, blanked in what is shown
 *     if (wire_end(&c, &e) < 0) …               the first thing that was wrong with any of them
 *     …
 *     wire_command_reset(&c);                   for the next one; wire_command_free() at the end
 *
 * What can't be sent is refused and never altered. */
#ifndef AXIGEN_WIRE_H
#define AXIGEN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "mem.h"
#include "slice.h"

/* ---- Commands ---- */

#define WIRE_VALUE_MAX 65536u /* bytes of one value, before it is quoted */
#define WIRE_SECRET_MAX 1024u /* bytes of a secret */

/* Zeroed: an empty one. Its buffers are wiped whenever they are given back or grow. */
struct wire_command {
    struct buf text;   /* what is sent; complete, with CRLF, after wire_end() */
    struct buf shown;  /* the same for people: secrets blanked, no line end */
    struct buf secret; /* the last secret, so that what comes back can be cleaned of it */
    bool ended;
    struct err error; /* the first one; wire_end() tells it. Class ERR_DATA: the value's fault,
                       * ERR_INTERNAL: the program's */
};

/* Words of the program's: commands, names of attributes, separated by one blank. Letters, digits, blanks and "-_.*"
 * only, so that a value can't pass for one. */
void wire_words(struct wire_command *c, const char *words);

/* A value, always in double quotes. Refused: more than WIRE_VALUE_MAX bytes, what is not UTF-8, control characters (C0,
 * DEL, C1) and line ends of any kind (also U+2028 and U+2029). The empty value is "". */
void wire_value(struct wire_command *c, struct slice value);
/* As wire_value(), but shown as "***", and no longer than WIRE_SECRET_MAX. One a command. */
void wire_secret(struct wire_command *c, struct slice value);
/* A bare word that is not the program's own: "yes", "premium". Not empty, [A-Za-z0-9_-] only, else refused. */
void wire_token(struct wire_command *c, struct slice token);
void wire_number(struct wire_command *c, uint64_t n);
/* "(a b c)", "()" for none; each item as a token. */
void wire_list(struct wire_command *c, const struct slice *items, size_t n);
/* The whole line is a secret and is sent as it is (the answer to "<password> "); refused as wire_secret() does. */
void wire_secret_line(struct wire_command *c, struct slice value);

/* Ends the line. 0, or -1 with *e when a piece was refused or there is none: nothing of it may be sent then. */
int wire_end(struct wire_command *c, struct err *e);
void wire_command_reset(struct wire_command *c); /* empty and wiped, its memory is kept */
void wire_command_free(struct wire_command *c);  /* wiped; an empty one again */

/* For buffers that may hold a secret: growing leaves no copy behind. */
void wire_add_wiped(struct buf *b, struct slice s);
void wire_reset_wiped(struct buf *b);
void wire_free_wiped(struct buf *b);

/* ---- Text for people ---- */

/* s as one line of at most size - 1 bytes, UTF-8, with a NUL: control characters and what is not UTF-8 become '?', line
 * ends a blank, what was cut off "..."; size is 4 at least. Returns out. */
char *wire_scrub(struct slice s, char *out, size_t size);
/* Puts "***" for each place where the secret stands in text, bare or as wire_secret() quotes it. Not for less than
 * three bytes: they stand everywhere. */
void wire_blank(struct buf *text, struct slice secret);

/* ---- Answers ---- */

/* A context is what stands between '<' and '>' of a prompt. These never carry names of domains or accounts. */
#define WIRE_LOGIN "login"
#define WIRE_PASSWORD "password"
#define WIRE_ROOT "#"
#define WIRE_DOMAIN "domain#"
#define WIRE_DOMAIN_CREATE "domain-create#"
#define WIRE_ACCOUNT "domain-account#"
#define WIRE_CONTACT "domain-account-contactInfo#"
#define WIRE_QUOTAS "domain-account-quotas#"
#define WIRE_LIMITS "domain-account-limits#"
#define WIRE_GROUP "domain-group#"

#define WIRE_CONTEXT_MAX 128u       /* bytes of a context, with its NUL */
#define WIRE_TEXT_MAX 512u          /* bytes of a status line's text, with its NUL */
#define WIRE_LINE_MAX 65536u        /* bytes of a line of an answer */
#define WIRE_ANSWER_MAX (16u << 20) /* bytes of an answer */

enum wire_status { WIRE_NONE, WIRE_OK, WIRE_REFUSED };

/* How one knows that an answer has ended. */
enum wire_until {
    WIRE_STATUS, /* no data: at the first status line that a prompt follows directly. The next answer may follow it at
                  * once, so such commands can be pipelined. Lines before it are kept as data */
    WIRE_DATA,   /* LIST, SHOW: data may look like anything, also like a status line and a prompt. So only where a
                  * status line is directly followed by a prompt, and nothing follows in what has arrived */
    WIRE_PROMPT  /* banner, USER: at a prompt with which all that has arrived ends, with or without a status line */
};

struct wire_answer {
    enum wire_status status;        /* WIRE_NONE only for WIRE_PROMPT */
    char text[WIRE_TEXT_MAX];       /* of the status line, without "+OK:"; scrubbed */
    struct slice words;             /* the same as it came; lives as long as data does */
    char context[WIRE_CONTEXT_MAX]; /* where we are now */
    struct slice data;              /* the lines before the status line, as they came but for colour codes; the
                                     * splitter's, until it is fed or asked again */
};

/* Zeroed: an empty one. It strips colour codes (ECMA-48's CSI sequences and ECMA-35's escape sequences).
 *
 *     in:  taken | lines read of the answer under way | its line that has not ended yet
 *          0     start                                line        scanned     in.len
 *
 * start ≤ line ≤ scanned ≤ in.len; no line end between line and scanned; status is the start of the line that ended at
 * `line` if that is a status line, else WIRE_NO_LINE. All four are where they are by the bytes alone, however they were
 * split. */
#define WIRE_NO_LINE SIZE_MAX
struct wire_splitter {
    struct buf in;
    size_t start, line, scanned;
    size_t status; /* only if line > start */
    size_t raw;    /* bytes fed since the last answer was taken, colour codes too */
    enum { WIRE_PLAIN, WIRE_ESC, WIRE_CSI } escape;
};

enum wire_next { WIRE_MORE, WIRE_ANSWER, WIRE_TOO_LONG };

/* Takes any number of bytes, split anywhere. */
void wire_feed(struct wire_splitter *w, struct slice bytes);
/* Takes the next answer out. WIRE_MORE: it has not ended yet. WIRE_TOO_LONG: a line or the whole is, the session is
 * of no use any more. Within one answer `until` must stay the same. For WIRE_DATA and WIRE_PROMPT feed all that has
 * arrived before you ask. */
enum wire_next wire_take(struct wire_splitter *w, enum wire_until until, struct wire_answer *a);
/* When the peer has closed: whether what is left is a last answer, a status line with no prompt behind it. */
bool wire_take_last(struct wire_splitter *w, struct wire_answer *a);
/* What has arrived and was not taken. */
struct slice wire_left(const struct wire_splitter *w);
void wire_splitter_free(struct wire_splitter *w);

/* ---- Data ----
 *
 * Read leniently: what has another form is skipped, case of names does not count. Slices are views of the data, unless
 * an arena is given. */

/* The next line, without its line end. False at the end. */
bool wire_line(struct slice *rest, struct slice *line);

struct wire_attr {
    struct slice name;
    struct slice value; /* unescaped; of a list what is between the parentheses */
    struct slice as_is; /* the line's value without the quotes around it: the value, if the server escapes nothing */
    bool is_list;
};

/* The next "name = value" of an answer to SHOW: value in quotes (may span lines: text in there is never taken for an
 * attribute), a list "(a b c)", or bare up to the end of the line. False at the end. */
bool wire_attr_next(struct slice *rest, struct arena *a, struct wire_attr *attr);
/* The first with that name. */
bool wire_attr_find(struct slice data, const char *name, struct arena *a, struct wire_attr *attr);
/* The next word of a list, or column of a row; one in quotes may hold blanks and comes without them. False at the end.
 */
bool wire_word_next(struct slice *rest, struct slice *word);

/* Rows of LIST. Begin with one of the two, then call wire_row_next() until it says false. */
struct wire_rows {
    struct slice rest;
};
struct wire_rows
wire_table(struct slice data); /* after the line of dashes; none without one: LIST Accounts, Domains, … */
struct wire_rows wire_names(struct slice data); /* after the title line: LIST Aliases, Addresses */
/* The next row, blanks at its ends cut off. An empty line ends the rows. */
bool wire_row_next(struct wire_rows *rows, struct slice *row);

#endif
