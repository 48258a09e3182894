/* The keys of the configuration as rows. What the parser accepts, the defaults, the checks of single values, what
 * changes live, what the fingerprint covers: all is read off these rows, and the tests hold the sample configuration
 * and the man page against them. */
#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum config_section { IN_FILE, IN_CONNECTOR, IN_GUARD, IN_ATTRIBUTE, IN_SINK, CONFIG_SECTIONS };

enum config_type {
    CONFIG_TEXT,      /* char * */
    CONFIG_LIST,      /* char ** and, right behind it, a size_t */
    CONFIG_NUMBER,    /* int or int64_t */
    CONFIG_BOOL,      /* bool */
    CONFIG_WORD,      /* an enum whose values are the places of its words in `words` */
    CONFIG_SECTION    /* rows of its own; `section` says which */
};

enum config_flag {
    KEY_LIVE = 1 << 0,           /* SIGHUP changes it; all others need a restart */
    KEY_SECRET = 1 << 1,         /* the value is a secret: never shown, and its file must be private */
    KEY_SECRET_FILE = 1 << 2,    /* names a private file whose content goes to `content` */
    KEY_READABLE = 1 << 3,       /* names a file that must be readable */
    KEY_PRIVATE = 1 << 4,        /* the file it names must be closed to others (a group may read it) */
    KEY_REQUIRED = 1 << 5,       /* must be given */
    KEY_NOT_EMPTY = 1 << 6,      /* may be left out, but not be "" */
    KEY_FILE_SINK = 1 << 7,      /* only in a sink of type file */
    KEY_AXIGEN_SINK = 1 << 8,    /* only in a sink of type axigen */
    KEY_SHOWS_ACCOUNTS = 1 << 9, /* decides what the directory shows of accounts: part of their fingerprint */
    KEY_SHOWS_GROUPS = 1 << 10,  /* the same for groups */
    KEY_LOWER = 1 << 11,         /* stored in lower case */
    KEY_UPPER = 1 << 12          /* stored in upper case */
};

struct config_row {
    enum config_section in;
    const char *name;
    enum config_type type;
    const char *fallback;        /* the default, as it would stand in the file; NULL: none */
    unsigned flags;              /* enum config_flag */
    int64_t min, max;            /* CONFIG_NUMBER */
    const char *unit;            /* CONFIG_NUMBER: for messages; may be NULL */
    const char *words;           /* CONFIG_WORD: "first|second" */
    const char *(*check)(const char *value); /* a value that is not empty: NULL if right, else what is wrong */
    size_t place, size;          /* where in the struct of its section the value goes */
    size_t content;              /* KEY_SECRET_FILE: where the secret goes */
    enum config_section section; /* CONFIG_SECTION: whose rows it has */
    const char *help;            /* one line */
};

/* The rows, those of a section together. */
extern const struct config_row config_rows[];
extern const size_t config_n_rows;
#define CONFIG_MAX_ROWS 96   /* for arrays with a place for each row */

/* The row of a key, or NULL. */
const struct config_row *config_row(enum config_section in, const char *name);

/* As the section is called in the file; "" for the file itself. */
const char *config_section_name(enum config_section section);

/* Whether the section has a title: connector "corp" { … }. */
int config_section_titled(enum config_section section);

/* For a key that is none: writes what may have been meant into out, as the end of a message ("; did you mean …?"),
 * or "" if nothing is near. */
void config_suggest(enum config_section in, const char *name, char *out, size_t size);

#endif
