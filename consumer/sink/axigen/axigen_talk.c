/* One command and its answer, the way back, notes, records. */
#include "axigen_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "step.h"

/* ---- notes ------------------------------------------------------------------------------------------------------ */

/* A refusal may be another one tomorrow, so it goes before what only somebody's hand can change: the item is tried
 * again as a whole, and ends where it must. */
static int rank(enum outcome o)
{
    static const int ranks[] = {[OUTCOME_UNKNOWN] = 0, [OUTCOME_DONE] = 0,  [OUTCOME_PART] = 1,  [OUTCOME_PARK] = 2,
                                [OUTCOME_REFUSED] = 3, [OUTCOME_ADOPT] = 4, [OUTCOME_DOMAIN] = 5};

    return ranks[o];
}

void axigen_note(struct axigen_work *w, enum outcome outcome, const char *fmt, ...)
{
    char text[2 * WIRE_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (w->words.len)
        buf_puts(&w->words, "; ");
    buf_puts(&w->words, text);
    if (rank(outcome) > rank(w->outcome))
        w->outcome = outcome;
}

enum outcome axigen_cure(const struct axigen_answer *a)
{
    return a->number ? OUTCOME_REFUSED : OUTCOME_PARK;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static int unsendable(struct axigen_answer *a, const struct err *why)
{
    *a = (struct axigen_answer){.ran_in = ""};
    snprintf(a->text, sizeof(a->text), "%.*s", (int)sizeof(a->text) - 1, why->text);
    return 0;
}

int axigen_do(struct axigen *ax, const char *leads_to, struct axigen_answer *a)
{
    struct err why = {0};

    if (wire_end(&ax->c, &why))
        return unsendable(a, &why);
    if (axigen_session_send(ax->session, &ax->c, leads_to, NULL, ax->e))
        return -1;
    return axigen_session_receive(ax->session, a, ax->e);
}

int axigen_say(struct axigen *ax, const char *words, const char *leads_to, struct axigen_answer *a)
{
    wire_command_reset(&ax->c);
    wire_words(&ax->c, words);
    return axigen_do(ax, leads_to, a);
}

int axigen_say_value(struct axigen *ax, const char *words, struct slice value, const char *leads_to,
                     struct axigen_answer *a)
{
    wire_command_reset(&ax->c);
    wire_words(&ax->c, words);
    wire_value(&ax->c, value);
    return axigen_do(ax, leads_to, a);
}

int axigen_ask(struct axigen *ax, const char *words, struct axigen_answer *a)
{
    struct err why = {0};

    wire_command_reset(&ax->c);
    wire_words(&ax->c, words);
    if (wire_end(&ax->c, &why))
        return unsendable(a, &why);
    return axigen_session_ask(ax->session, &ax->c, a, ax->e);
}

int axigen_show_attr(struct axigen *ax, const char *attr, struct wire_attr *got, struct axigen_answer *a)
{
    char words[128];

    *got = (struct wire_attr){0};
    snprintf(words, sizeof(words), "SHOW ATTR %s", attr);
    if (axigen_ask(ax, words, a))
        return -1;
    if (!a->ok || !wire_attr_find(a->data, attr, &ax->arena, got))
        *got = (struct wire_attr){.value = slice_of(""), .as_is = slice_of("")};
    got->value = arena_copy(&ax->arena, got->value.p, got->value.len);
    got->as_is = arena_copy(&ax->arena, got->as_is.p, got->as_is.len);
    return 0;
}

int axigen_show(struct axigen *ax, const char *attr, struct slice *value, struct axigen_answer *a)
{
    struct wire_attr got;
    int r = axigen_show_attr(ax, attr, &got, a);

    *value = r == 0 && a->ok ? got.value : slice_of("");
    return r;
}

int axigen_surprise(struct axigen *ax, const char *fmt, ...)
{
    char text[2 * WIRE_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    axigen_session_close(ax->session);
    return err_set(ax->e, ERR_UNAVAILABLE, "%s: the connection is begun anew", text);
}

int axigen_back(struct axigen *ax)
{
    struct axigen_answer a;

    for (int i = 0; i < 3 && strcmp(axigen_session_context(ax->session), WIRE_DOMAIN) != 0; i++) {
        const char *context = axigen_session_context(ax->session);
        bool child = strcmp(context, WIRE_ACCOUNT) != 0 && strcmp(context, WIRE_GROUP) != 0;

        if (axigen_say(ax, "BACK", child ? WIRE_ACCOUNT : WIRE_DOMAIN, &a))
            return -1;
        if (!a.ok)
            return axigen_surprise(ax, "BACK was refused in <%s>: %s", a.ran_in, a.text);
    }
    return 0;
}

int axigen_save(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    if (axigen_say(ax, "COMMIT", WIRE_DOMAIN, &a))
        return -1;
    w->saved = a.ok;
    STEP_POINT(axigen_saved);
    if (a.ok)
        return 0;
    axigen_note(w, OUTCOME_REFUSED, "COMMIT: %s", a.text);
    return axigen_back(ax);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

struct slice axigen_local(struct slice address)
{
    const char *at = memrchr(address.p, '@', address.len);

    return at ? slice_make(address.p, (size_t)(at - address.p)) : address;
}

struct slice axigen_domain(struct slice address)
{
    const char *at = memrchr(address.p, '@', address.len);

    return at ? slice_make(at + 1, (size_t)(address.p + address.len - at - 1)) : slice_of("");
}

struct slice axigen_whole(struct axigen *ax, struct slice local, struct slice domain)
{
    char *p = arena_alloc(&ax->arena, local.len + domain.len + 2);

    memcpy(p, local.p, local.len);
    p[local.len] = '@';
    memcpy(p + local.len + 1, domain.p, domain.len);
    return slice_make(p, local.len + 1 + domain.len);
}

static struct slice name_aside(struct axigen *ax, const char *prefix, const uint8_t *uuid, struct slice domain)
{
    char text[UUID_TEXT], local[UUID_TEXT + 16];

    snprintf(local, sizeof(local), "%s%s", prefix, uuid_format(uuid, text));
    return axigen_whole(ax, slice_of(local), domain);
}

struct slice axigen_aside(struct axigen *ax, const uint8_t *uuid, struct slice domain)
{
    return name_aside(ax, "axsync-", uuid, domain);
}

struct slice axigen_aside_group(struct axigen *ax, const uint8_t *uuid, struct slice domain)
{
    return name_aside(ax, "axsync-group-", uuid, domain);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

bool axigen_get(struct axigen *ax, const uint8_t *uuid, struct axigen_record *rec)
{
    struct slice bytes;

    return ax->records->get(ax->records->ctx, uuid, &bytes, &ax->arena) &&
           axigen_record_decode(bytes, rec, &ax->arena) == 0;
}

void axigen_put(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec)
{
    struct buf b = {0}, also = {0};

    /* Of who is kept as he was the aliases are found too, so that whoever else is told one can be given it. */
    for (uint32_t i = 0; rec->state == RECORD_KEPT && i < rec->n_aliases; i++)
        buf_bytes(&also, rec->aliases[i]);
    axigen_record_encode(rec, &b);
    ax->records->put(ax->records->ctx, uuid, rec->address, buf_slice(&also), rec->due_ms, buf_slice(&b));
    buf_free(&also);
    buf_free(&b);
}

int axigen_put_synced(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec)
{
    axigen_put(ax, uuid, rec);
    return ax->records->sync(ax->records->ctx, ax->e);
}

int axigen_put_safe(struct axigen *ax, struct axigen_work *w)
{
    w->safe = w->rec;
    w->has_safe = true;
    return axigen_put_synced(ax, w->action->uuid, &w->rec);
}

int axigen_undo(struct axigen *ax, struct axigen_work *w)
{
    if (axigen_back(ax))
        return -1;
    w->rec.intent = INTENT_NONE;
    w->rec.going_to = slice_of("");
    axigen_put(ax, w->action->uuid, &w->rec);
    return 0;
}
