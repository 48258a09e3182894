#include "config_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

#define MAX_TEXT 600

static void scrub(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
}

void problem_add(struct problems *p, int line, const char *fmt, ...)
{
    char text[MAX_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    scrub(text);
    p->v = mem_realloc(p->v, (p->n + 1) * sizeof(*p->v));
    p->v[p->n++] = (struct problem){ line, mem_strdup(text) };
}

/* Keeps the order of those of one line: an insertion sort is stable, and the list is short and nearly sorted. */
static void sort_by_line(struct problems *p)
{
    for (size_t i = 1; i < p->n; i++) {
        struct problem moved = p->v[i];
        size_t j = i;

        for (; j > 0 && p->v[j - 1].line > moved.line; j--)
            p->v[j] = p->v[j - 1];
        p->v[j] = moved;
    }
}

void problems_report(struct problems *p, struct config_errors *out)
{
    sort_by_line(p);
    out->lines = mem_realloc(out->lines, (out->n + p->n) * sizeof(*out->lines));
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->v[i];

        out->lines[out->n++] = one->line ? mem_printf("%s:%d: %s", p->path, one->line, one->text)
                                         : mem_printf("%s: %s", p->path, one->text);
        free(one->text);
    }
    free(p->v);
    p->v = NULL;
    p->n = 0;
}
