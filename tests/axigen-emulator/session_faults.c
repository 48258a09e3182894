/* What a rule that fires makes of a command and its answer. */
#include <stdlib.h>
#include <string.h>

#include "session_i.h"

#define OVERLONG_SIZE (1 << 20)

bool act_before(struct session *s, const struct rule *rule, enum verdict *verdict_r)
{
    switch (rule ? rule->action : RULE_NONE) {
    case RULE_REFUSE:
        buf_printf(&s->status, "-ERR: %s", rule->text ? rule->text : "refused");
        s->ok = false;
        return true;
    case RULE_DROP_BEFORE:
        *verdict_r = VERDICT_CLOSE;
        break;
    case RULE_DIE_BEFORE:
        *verdict_r = VERDICT_DIE;
        break;
    case RULE_HANG_BEFORE:
        *verdict_r = VERDICT_MUTE;
        break;
    default:
        return false;
    }
    buf_puts(&s->status, "(nothing)");
    s->prompt_only = true;
    return true;
}

static void put_overlong(struct buf *out, long size)
{
    size_t n = size > 0 ? (size_t)size : OVERLONG_SIZE;

    memset(buf_room(out, n), 'x', n);
    out->len += n;
    buf_puts(out, "\r\n");
}

void before_answer(struct buf *out, const struct rule *rule)
{
    if (rule && rule->action == RULE_UNSOLICITED)
        put_lines(out, rule->text ? rule->text : "something else happened");
    if (rule && rule->action == RULE_OVERLONG)
        put_overlong(out, rule->ms);
}

enum verdict act_after(struct session *s, const struct rule *rule, size_t from)
{
    struct buf *out = s->out;

    switch (rule ? rule->action : RULE_NONE) {
    case RULE_DROP_AFTER:
        out->len = from;
        return VERDICT_CLOSE;
    case RULE_DROP_INSIDE:
        out->len = from + (out->len - from) / 2;
        return VERDICT_CLOSE;
    case RULE_CLOSE:
        return VERDICT_CLOSE;
    case RULE_DIE_AFTER:
        out->len = from;
        return VERDICT_DIE;
    case RULE_HANG_AFTER:
        out->len = from;
        return VERDICT_MUTE;
    case RULE_GARBAGE:
        out->len = from;
        if (rule->text)
            put_lines(out, rule->text);
        else
            buf_add(out, "\x00\xff\xfe*1;}\x1b[2J <<<#>>\r\r\n", 18);
        return VERDICT_GO_ON;
    case RULE_CHATTER:
        put_lines(out, rule->text ? rule->text : "something else happened");
        return VERDICT_GO_ON;
    default:
        return VERDICT_GO_ON;
    }
}

/* The line as text for the patterns of rules; NUL ends it, which no pattern needs to see. */
const struct rule *rule_for(struct session *s, const char *where, struct slice line)
{
    const struct rule *rule;
    char *text;

    if (s->emu->rules.count == 0)
        return NULL;
    text = strndup(line.p, line.len);
    rule = text ? rules_fire(&s->emu->rules, where, text, s->commands) : NULL;
    free(text);
    return rule;
}
