/* A whole account in one round trip.
 *
 *     … +OK of ADD 1 ▸ [SETs of 1, COMMIT 1, ADD 2] ▸ all answers ▸ [SETs of 2, COMMIT 2, ADD 3] ▸ all answers …
 *
 * What may be sent ahead of which answers, and why it does nothing wrong whatever they are. (A refusal leaves the
 * context and what was set in it as they were.)
 *
 *   1. Nothing of an account goes before its ADD or UPDATE was answered +OK: refused, the rest would run in the domain,
 * where SET and ADD Alias mean the domain's. Asserted in axigen_burst().
 *   2. Within the account: top of axigen_script.c. Worst, a value is missing.
 *   3. COMMIT goes ahead of the answers to the values: it saves those that were taken. What was refused is tried once
 * more by itself and then reported, and comes again with the item. The mark is the first of them, and COMMIT saves it
 * with the account at once or not at all; refused, it is tried again before anything else is done with the account, and
 *      then remembered as missing. COMMIT does nothing in contactInfo, quotas and limits, where it may run after a
 *      refused DONE.
 *   4. The next account's ADD or UPDATE goes ahead of COMMIT's answer, and is the last of a burst: where COMMIT or a
 * DONE was refused we are in the account or a child of it, where there is no ADD Account and no UPDATE Account; it is
 * then sent again from the domain. So that COMMIT can't be the domain's, which would come if it followed another
 * COMMIT, nothing follows the opening.
 *   5. A domain's COMMIT, SHOW and LIST go alone.
 *
 * With a depth of 1 the same lines go one at a time. */
#include "axigen_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "step.h"

enum sent_kind { SENT_STEPS, SENT_MOVE, SENT_COMMIT, SENT_OPENING };

struct sent {
    enum sent_kind kind;
    struct script_line line;
};

struct burst {
    struct axigen *ax;
    struct axigen_work *w, *next;
    struct script_cursor at;
    struct sent *sent; /* those without an answer: n of them from first on, in a ring */
    size_t room, first, n;
};

/* ---- opening ---------------------------------------------------------------------------------------------------- */

#define PASSWORD_BYTES 48

static char random_char(const char *set, size_t n)
{
    uint8_t b;

    do {
        if (getrandom(&b, 1, 0) != 1)
            abort(); /* without randomness no password; the kernel has it since boot, long before any daemon */
    } while (b >= 256 / n * n);
    return set[b % n];
}

/* Nobody ever learns it: people log in through Axigen's own LDAP authentication. One of each class, for domains with
 * rules. */
static void make_password(char *out)
{
    static const char *const classes[] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789",
                                          "-_.+:,=!"};

    for (size_t i = 0; i < PASSWORD_BYTES; i++) {
        const char *set = classes[i < 4 ? i : (size_t)(random_char("01234567", 8) - '0') % 4];

        out[i] = random_char(set, strlen(set));
    }
}

void axigen_opening(struct axigen *ax, struct axigen_work *w)
{
    char password[PASSWORD_BYTES];

    wire_command_reset(&ax->c);
    if (!w->add) {
        wire_words(&ax->c, "UPDATE Account name");
        wire_value(&ax->c, axigen_local(w->known ? w->rec.address : w->action->address));
        return;
    }
    make_password(password);
    wire_words(&ax->c, "ADD Account name");
    wire_value(&ax->c, axigen_local(w->action->address));
    wire_words(&ax->c, "password");
    wire_secret(&ax->c, slice_make(password, sizeof(password)));
    explicit_bzero(password, sizeof(password));
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static const char *const contexts[SCRIPT_PLACES] = {WIRE_ACCOUNT, WIRE_CONTACT, WIRE_QUOTAS, WIRE_LIMITS};

static bool is_mark(const struct script_step *step)
{
    return step->place == PLACE_HERE && step->form == FORM_TEXT && strcmp(step->attr, "customerReference") == 0;
}

/* A member or an alias that is there already, or not there any more: LIST tells afterwards. */
static bool may_be_so(const struct script_step *step)
{
    return step->form == FORM_ADD_MEMBER || step->form == FORM_REMOVE_MEMBER;
}

static void note_step(struct axigen *ax, struct axigen_work *w, struct script_step *step, const char *text,
                      enum outcome outcome)
{
    struct buf name = {0};

    step->dead = true;
    step->refusal = arena_copy(&ax->arena, text, strlen(text)).p;
    if (!may_be_so(step)) {
        script_name(step, &name);
        axigen_note(w, outcome, "%s: %s", buf_str(&name), text);
    }
    buf_free(&name);
}

static void steps_answered(struct burst *b, const struct script_line *line, const struct axigen_answer *a)
{
    struct script_step *first = &b->w->script.steps[line->first];

    if (a->ok) {
        for (size_t i = 0, k = line->first; i < line->n; k++)
            if (!b->w->script.steps[k].dead && !b->w->script.steps[k].done) {
                b->w->script.steps[k].done = true;
                i++;
            }
        return;
    }
    /* Not where it was meant to run: the refused CONFIG was noted, and says why. */
    if (line->place != PLACE_HERE && strcmp(a->ran_in, contexts[line->place]) != 0)
        return;
    if (b->at.single || (line->n == 1 && !is_mark(first)))
        note_step(b->ax, b->w, first, a->text, OUTCOME_REFUSED);
}

static void place_refused(struct burst *b, const struct script_line *line, const struct axigen_answer *a)
{
    static const char *const names[SCRIPT_PLACES] = {"", "contactInfo", "quotas", "limits"};
    struct script *s = &b->w->script;

    if (!line->enters && strcmp(a->ran_in, contexts[line->place]) != 0)
        return; /* a DONE where CONFIG had been refused */
    b->at.skip[line->place] = true;
    for (size_t i = 0; i < s->n; i++)
        if (s->steps[i].place == line->place && !s->steps[i].done)
            s->steps[i].dead = true;
    axigen_note(b->w, OUTCOME_REFUSED, "%s of %s: %s", line->enters ? "CONFIG" : "DONE", names[line->place], a->text);
}

static void opening_answered(struct burst *b, const struct axigen_answer *a)
{
    if (a->ok)
        b->next->opened = OPENED;
    else if (strcmp(a->ran_in, WIRE_DOMAIN) == 0) {
        b->next->opened = OPENED_REFUSED;
        b->next->refusal = arena_copy(&b->ax->arena, a->text, strlen(a->text)).p;
    }
}

static int receive(struct burst *b)
{
    const struct sent *sent = &b->sent[b->first];
    struct axigen_answer a;

    if (axigen_session_receive(b->ax->session, &a, b->ax->e))
        return -1;
    b->first = (b->first + 1) % b->room;
    b->n--;
    switch (sent->kind) {
    case SENT_STEPS:
        steps_answered(b, &sent->line, &a);
        break;
    case SENT_MOVE:
        if (!a.ok)
            place_refused(b, &sent->line, &a);
        break;
    case SENT_COMMIT:
        b->w->saved = a.ok;
        STEP_POINT(axigen_saved);
        if (!a.ok)
            axigen_note(b->w, OUTCOME_REFUSED, "COMMIT: %s", a.text);
        break;
    case SENT_OPENING:
        opening_answered(b, &a);
        break;
    }
    return 0;
}

static int receive_all(struct burst *b)
{
    while (b->n > 0)
        if (receive(b))
            return -1;
    return 0;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static int send_command(struct burst *b, enum sent_kind kind, const struct script_line *line, const char *leads_to)
{
    while (b->n == b->room || (b->n > 0 && axigen_session_room(b->ax->session) == 0))
        if (receive(b))
            return -1;
    if (axigen_session_send(b->ax->session, &b->ax->c, leads_to, NULL, b->ax->e))
        return -1;
    b->sent[(b->first + b->n++) % b->room] = (struct sent){kind, line ? *line : (struct script_line){0}};
    return 0;
}

static int send_script(struct burst *b)
{
    struct script_line line;
    enum script_result r;
    struct err why = {0};

    while ((r = script_next(&b->w->script, &b->at, &b->ax->c, &line, &why)) != SCRIPT_END) {
        if (r == SCRIPT_UNSENDABLE) {
            note_step(b->ax, b->w, &b->w->script.steps[line.first], why.text, OUTCOME_PARK);
            continue;
        }
        if (send_command(b, line.n ? SENT_STEPS : SENT_MOVE, &line, line.leads_to))
            return -1;
        if (line.wait && receive_all(b))
            return -1;
        /* refused, and waited for: we did not enter */
        if (line.wait && b->at.skip[line.place])
            b->at.place = PLACE_HERE;
    }
    return 0;
}

static int send_end(struct burst *b)
{
    struct err why = {0};

    wire_command_reset(&b->ax->c);
    wire_words(&b->ax->c, "COMMIT");
    wire_end(&b->ax->c, &why);
    if (send_command(b, SENT_COMMIT, NULL, WIRE_DOMAIN))
        return -1;
    if (b->next == NULL)
        return 0;
    axigen_opening(b->ax, b->next);
    if (wire_end(&b->ax->c, &why) == 0)
        return send_command(b, SENT_OPENING, NULL, WIRE_ACCOUNT);
    axigen_note(b->next, OUTCOME_PARK, "the address can't be sent: %s", why.text);
    return 0;
}

static int run(struct axigen *ax, struct axigen_work *w, struct axigen_work *next, bool single)
{
    struct burst b = {.ax = ax, .w = w, .next = next, .at.single = single, .room = (size_t)ax->set->depth + 1};
    int r;

    assert(strcmp(axigen_session_context(ax->session), WIRE_ACCOUNT) == 0 ||
           strcmp(axigen_session_context(ax->session), WIRE_GROUP) == 0);
    b.sent = mem_alloc(b.room * sizeof(*b.sent));
    r = send_script(&b) || send_end(&b) || receive_all(&b) ? -1 : 0;
    wire_command_reset(&ax->c);
    free(b.sent);
    if (r == 0 && !w->saved)
        return axigen_back(ax);
    return r;
}

int axigen_burst(struct axigen *ax, struct axigen_work *w, struct axigen_work *next)
{
    w->saved = false;
    return run(ax, w, next, false);
}

bool axigen_unsettled(const struct axigen_work *w)
{
    for (size_t i = 0; i < w->script.n; i++)
        if (!w->script.steps[i].done && !w->script.steps[i].dead)
            return w->saved;
    return false;
}

int axigen_settle(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    if (!axigen_unsettled(w))
        return 0;
    if (axigen_say_value(ax, "UPDATE Account name", axigen_local(w->rec.address), WIRE_ACCOUNT, &a))
        return -1;
    if (a.ok)
        return run(ax, w, NULL, true);
    axigen_note(w, OUTCOME_REFUSED, "the account that was just saved can't be opened: %s", a.text);
    return 0;
}
