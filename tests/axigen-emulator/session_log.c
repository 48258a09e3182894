/* A line of the log for each command, without secrets. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "session_i.h"

static bool is_secret(const char *word)
{
    size_t n = strlen(word);

    return n >= 8 && strcasecmp(word + n - 8, "password") == 0;
}

/* The command as it came, but with what follows a word that ends in "password" blanked, and with control characters
 * made visible. Of a line that can't be cut into words nothing after such a word is shown. */
static void command_for_log(const struct words *w, struct slice line, struct buf *out)
{
    bool secret = false;

    for (size_t i = 0; i < w->count; i++)
        secret |= !w->at[i].list && is_secret(w->at[i].text);
    if (w->count > 0 && secret) {
        for (size_t i = 0; i < w->count; i++)
            buf_printf(out, "%s%s", i > 0 ? " " : "",
                       i > 0 && is_secret(w->at[i - 1].text) ? "***"
                       : w->at[i].list                       ? "(…)"
                                                             : w->at[i].text);
    } else {
        char *copy = strndup(line.p, line.len), *at = copy ? strcasestr(copy, "password") : NULL;

        if (at && w->count == 0)
            at[8] = '\0';
        buf_puts(out, copy ? copy : "");
        free(copy);
    }
    buf_str(out);
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->p[i] < 0x20 || out->p[i] == 0x7F)
            out->p[i] = '?';
}

void write_log(struct session *s, const struct words *w, struct slice line, const char *where)
{
    struct buf text = {0};

    if (!s->emu->tally.log)
        return;
    if (strcmp(where, "password") == 0)
        buf_puts(&text, "***");
    else
        command_for_log(w, line, &text);
    tally_log(&s->emu->tally, s->number, where, buf_slice(&text), buf_str(&s->status));
    buf_free(&text);
}
