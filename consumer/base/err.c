#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int vset(struct err *e, enum err_class class, int code, const char *fmt, va_list ap)
{
    if (e == NULL)
        return -1;
    e->class = class;
    e->code = code;
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    return -1;
}

int err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vset(e, class, 0, fmt, ap);
    va_end(ap);
    return -1;
}

int err_set_errno(struct err *e, enum err_class class, int code, const char *fmt, ...)
{
    va_list ap;
    char why[128];
    size_t n;

    va_start(ap, fmt);
    vset(e, class, code, fmt, ap);
    va_end(ap);
    if (e == NULL)
        return -1;
    n = strlen(e->text);
    snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror_r(code, why, sizeof(why)));
    return -1;
}

int err_add(struct err *e, const char *fmt, ...)
{
    va_list ap;
    char old[sizeof(e->text)];
    size_t n;

    if (e == NULL)
        return -1;
    memcpy(old, e->text, sizeof(old));
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    if (n + 2 < sizeof(e->text)) {
        memcpy(e->text + n, ": ", 3);
        n += 2;
        memccpy(e->text + n, old, '\0', sizeof(e->text) - n);
        e->text[sizeof(e->text) - 1] = '\0';
    }
    return -1;
}

void err_clear(struct err *e)
{
    e->class = ERR_NONE;
    e->code = 0;
    e->text[0] = '\0';
}

int err_exit_code(enum err_class class)
{
    switch (class) {
    case ERR_NONE:
        return EX_OK;
    case ERR_USAGE:
        return EX_USAGE;
    case ERR_CONFIG:
        return EX_CONFIG;
    case ERR_UNAVAILABLE:
        return EX_UNAVAILABLE;
    case ERR_TEMP:
        return EX_TEMPFAIL;
    case ERR_NOTFOUND:
        return EX_NOUSER;
    case ERR_DATA:
    case ERR_INTERNAL:
        break;
    }
    return EX_SOFTWARE;
}
