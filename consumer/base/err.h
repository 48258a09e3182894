/* An error as a value: what kind of failure, and a text that grows on its way up.
 *
 * A function that can fail returns 0 or -1 (or NULL) and fills the struct err its caller gave. Who knows the
 * cause sets it, callers add where and whom with err_add(); it is logged once, at the top. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_class {
    ERR_NONE,
    ERR_USAGE,       /* the command line is wrong: EX_USAGE */
    ERR_CONFIG,      /* the configuration is wrong, or a file of it is missing: EX_CONFIG */
    ERR_UNAVAILABLE, /* directory, sink or daemon can't be reached or refuses: EX_UNAVAILABLE */
    ERR_TEMP,        /* try again later, e.g. the state is locked by another process: EX_TEMPFAIL */
    ERR_NOTFOUND,    /* what was asked for is not there: EX_NOUSER */
    ERR_DATA,        /* bytes of a peer or of the disk that do not decode */
    ERR_INTERNAL     /* a system call or an assumption of ours failed: EX_SOFTWARE */
};

struct err {
    enum err_class class;
    int code;          /* errno, LDAP result code or LMDB code, where there is one; else 0 */
    char text[1024];   /* one line, no line end, never a secret */
};

/* Sets *e (which may be NULL) and returns -1, so that callers write `return err_set(...)`. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and strerror(code) after the text, and code kept. */
int err_set_errno(struct err *e, enum err_class class, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "text: " before what *e already says. Returns -1. */
int err_add(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets. */
void err_clear(struct err *e);

/* The exit code of sysexits.h that stands for a class. */
int err_exit_code(enum err_class class);

#endif
