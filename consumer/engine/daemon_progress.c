#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"

#define LINE_MS 5000 /* between lines in the log */
#define BAR_MS 200   /* between drawings of the bar */
#define BAR_CELLS 20

static bool refreshing(const struct status_search *s)
{
    return strcmp(s->phase, "refreshing") == 0;
}

/* 1234567 → "1,234,567". */
static void put_grouped(struct buf *b, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
            buf_u8(b, ',');
        buf_u8(b, (uint8_t)digits[i]);
    }
}

static void put_numbers(struct buf *b, const struct status_search *s)
{
    put_grouped(b, s->received);
    buf_puts(b, " entries");
    if (s->expected >= 0) {
        buf_puts(b, " of about ");
        put_grouped(b, s->expected);
    }
    buf_puts(b, ", ");
    put_grouped(b, (int64_t)(s->rate + 0.5));
    buf_puts(b, "/s");
}

static void put_bar(struct buf *b, const struct status_search *s)
{
    int64_t full = 0;

    if (s->expected > 0) {
        int64_t received = s->received < s->expected ? s->received : s->expected;

        full = received * BAR_CELLS / s->expected;
        buf_puts(b, " [");
        for (int64_t i = 0; i < BAR_CELLS; i++)
            buf_u8(b, i < full ? '#' : '.');
        buf_printf(b, "] %lld%%", (long long)(received * 100 / s->expected));
    }
}

static size_t terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Names are ASCII; cut, so that it stays one line. The cursor goes back to the line's beginning: what another thread
 * logs meanwhile begins there, and the next drawing stands below it. */
static void draw(struct progress *p, struct buf *bar)
{
    size_t columns = terminal_columns();
    struct buf b = {0};

    if (!log_has_room()) /* a terminal that was stopped must not stop us */
        return;
    buf_puts(&b, "\r\033[K");
    buf_add(&b, bar->p, bar->len < columns ? bar->len : columns - 1);
    buf_u8(&b, '\r');
    if (write(STDERR_FILENO, b.p, b.len) == (ssize_t)b.len)
        p->drawn = bar->len > 0;
    buf_free(&b);
}

void progress_begin(struct progress *p)
{
    *p = (struct progress){.terminal = isatty(STDERR_FILENO) == 1, .next_ms = clock_mono_ms()};
    if (!p->terminal)
        p->next_ms += LINE_MS;
}

static void show_search(const struct progress *p, struct buf *bar, const struct status *st,
                        const struct status_search *s)
{
    struct buf b = {0};

    put_numbers(&b, s);
    if (p->terminal) {
        if (bar->len)
            buf_puts(bar, "; ");
        buf_printf(bar, "%s: %s", st->name, s->kind);
        put_bar(bar, s);
        buf_u8(bar, ' ');
        buf_add_slice(bar, buf_slice(&b));
    } else {
        log_info(st->name, "refreshing %s: %s", s->kind, buf_str(&b));
    }
    buf_free(&b);
}

void progress_show(struct progress *p, const struct status *statuses, size_t n)
{
    struct buf bar = {0};
    int64_t now = clock_mono_ms();

    if (now < p->next_ms)
        return;
    p->next_ms = now + (p->terminal ? BAR_MS : LINE_MS);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < statuses[i].n_searches; k++)
            if (refreshing(&statuses[i].searches[k]))
                show_search(p, &bar, &statuses[i], &statuses[i].searches[k]);
    if (p->terminal && (bar.len || p->drawn))
        draw(p, &bar);
    buf_free(&bar);
}

void progress_end(struct progress *p)
{
    struct buf none = {0};

    if (p->drawn)
        draw(p, &none);
}

int progress_wait_ms(const struct progress *p)
{
    return p->drawn ? BAR_MS : 1000;
}
