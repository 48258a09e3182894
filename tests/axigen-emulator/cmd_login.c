/* What can be said before login, and goodbye. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "session_i.h"

void cmd_user(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 1))
        return;
    free(s->user);
    s->user = mem_strdup(w->at[first].text);
    enter(s, CONTEXT_PASSWORD, NULL);
    if (option(&s->emu->options, OPT_USER_STATUS)) {
        ok(s, "password?");
    } else {
        s->prompt_only = true;
        buf_puts(&s->status, "(prompt)");
    }
}

static bool may_login(struct session *s, struct slice password)
{
    bool user = strcasecmp(s->user, option_text(&s->emu->options, OPT_USER)) == 0;

    return user && slice_eq(password, slice_of(option_text(&s->emu->options, OPT_PASSWORD)));
}

void cmd_password(struct session *s, struct slice line)
{
    long most = option(&s->emu->options, OPT_MAX_LOGINS);
    bool good = may_login(s, line);

    leave(s);
    if (good) {
        s->emu->tally.logins++;
        s->commands = 0;
        enter(s, CONTEXT_ROOT, NULL);
        ok(s, "authentication successful");
        return;
    }
    s->emu->tally.failedLogins++;
    err(s, LOGIN, NULL);
    if (most > 0 && ++s->bad_logins >= most)
        s->closing = true;
}

void cmd_version(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 0))
        return;
    say(s, "%s", EMU_VERSION);
    ok(s, "command successful");
}

static bool on_or_off(struct session *s, const struct words *w, size_t first, bool *value)
{
    if (!expect(s, w, first, 1))
        return false;
    if (!words_is(w, first, "on") && !words_is(w, first, "off")) {
        err(s, VALUE, "on or off was expected");
        return false;
    }
    *value = words_is(w, first, "on");
    return true;
}

void cmd_console_codes(struct session *s, const struct words *w, size_t first)
{
    bool on;

    if (!on_or_off(s, w, first, &on))
        return;
    s->colours = on && option(&s->emu->options, OPT_COLOURS);
    ok(s, "console codes are %s", on ? "on" : "off");
}

void cmd_quiet(struct session *s, const struct words *w, size_t first)
{
    if (on_or_off(s, w, first, &s->quiet))
        ok(s, "quiet is %s", s->quiet ? "on" : "off");
}

void cmd_show_login(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 0))
        return;
    say(s, "%s", "");
    say(s, "The login options are:");
    say(s, "consoleCodes = %s", s->colours ? "on" : "off");
    say(s, "quiet = %s", s->quiet ? "on" : "off");
    say(s, "%s", "");
    ok(s, "command successful");
}

void cmd_exit(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 0))
        return;
    s->ok = true;
    buf_puts(&s->status, "+OK: have a nice day");
    s->closing = true;
}
