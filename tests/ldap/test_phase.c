#include <criterion/criterion.h>
#include <stdio.h>

#include "decode.h"
#include "phase.h"

/* Every cell of phase × message, in both modes, written down a second time and in another form than phase.c's: one letter for where
 * it leads, and what it means. */

#define R PHASE_OF_REFRESH
#define D PHASE_OF_REFRESH_DELETE
#define P PHASE_OF_PERSIST
#define O PHASE_OF_OVER
#define NO PHASES_OF_SYNC

#define PRESENT EFFECT_PRESENT
#define FULL (EFFECT_CONTENT | EFFECT_PRESENT)
#define GONE EFFECT_GONE
#define CONTENT EFFECT_CONTENT
#define COMPLETE EFFECT_COMPLETE
#define END EFFECT_END

struct expected {
    enum phase next;
    unsigned effect;       /* without a cookie in the message, of a request with one, no present phase before */
    bool cookie;           /* a cookie in the message counts */
    bool absent_always;    /* ABSENT also without a present phase before */
};

#define ILLEGAL { NO, 0, false, false }

static const struct {
    const char *name;
    struct sync_msg msg;
    struct expected poll[3];     /* REFRESH, REFRESH_DELETE, PERSIST (never reached) */
    struct expected persist[3];
} rows[] = {
    { "entry present", { .type = SYNC_ENTRY, .state = SYNC_STATE_PRESENT },
      { { R, PRESENT, false, false }, ILLEGAL, ILLEGAL },
      { { R, PRESENT, false, false }, ILLEGAL, ILLEGAL } },
    { "entry add", { .type = SYNC_ENTRY, .state = SYNC_STATE_ADD },
      { { R, FULL, false, false }, { D, FULL, false, false }, ILLEGAL },
      { { R, FULL, false, false }, { D, FULL, false, false }, { P, CONTENT, true, false } } },
    { "entry modify", { .type = SYNC_ENTRY, .state = SYNC_STATE_MODIFY },
      { { R, FULL, false, false }, { D, FULL, false, false }, ILLEGAL },
      { { R, FULL, false, false }, { D, FULL, false, false }, { P, CONTENT, true, false } } },
    { "entry delete", { .type = SYNC_ENTRY, .state = SYNC_STATE_DELETE },
      { { R, GONE, false, false }, { D, GONE, false, false }, ILLEGAL },
      { { R, GONE, false, false }, { D, GONE, false, false }, { P, GONE, true, false } } },
    { "invalid", { .type = SYNC_INVALID },
      { { R, PRESENT, false, false }, { D, PRESENT, false, false }, ILLEGAL },
      { { R, PRESENT, false, false }, { D, PRESENT, false, false }, { P, 0, true, false } } },
    { "reference", { .type = SYNC_REFERENCE },
      { { R, 0, false, false }, { D, 0, false, false }, ILLEGAL },
      { { R, 0, false, false }, { D, 0, false, false }, { P, 0, false, false } } },
    { "idset present", { .type = SYNC_IDSET },
      { { R, PRESENT, false, false }, ILLEGAL, ILLEGAL },
      { { R, PRESENT, false, false }, ILLEGAL, ILLEGAL } },
    { "idset delete", { .type = SYNC_IDSET, .deletes = true },
      { { R, GONE, false, false }, { D, GONE, false, false }, ILLEGAL },
      { { R, GONE, false, false }, { D, GONE, false, false }, { P, GONE, true, false } } },
    { "newcookie", { .type = SYNC_NEWCOOKIE },
      { { R, 0, false, false }, { D, 0, false, false }, ILLEGAL },
      { { R, 0, false, false }, { D, 0, false, false }, { P, 0, true, false } } },
    { "refreshPresent, more", { .type = SYNC_REFRESH_PRESENT },
      { { D, 0, false, false }, ILLEGAL, ILLEGAL },
      { { D, 0, false, false }, ILLEGAL, ILLEGAL } },
    { "refreshPresent, done", { .type = SYNC_REFRESH_PRESENT, .done = true },
      { ILLEGAL, ILLEGAL, ILLEGAL },
      { { P, COMPLETE, true, true }, ILLEGAL, ILLEGAL } },
    { "refreshDelete, more", { .type = SYNC_REFRESH_DELETE },
      { { R, 0, false, false }, { D, 0, false, false }, ILLEGAL },
      { { R, 0, false, false }, { D, 0, false, false }, ILLEGAL } },
    { "refreshDelete, done", { .type = SYNC_REFRESH_DELETE, .done = true },
      { ILLEGAL, ILLEGAL, ILLEGAL },
      { { P, COMPLETE, true, false }, { P, COMPLETE, true, false }, ILLEGAL } },
    { "result, present", { .type = SYNC_DONE, .done = true },
      { { O, COMPLETE | END, true, true }, { O, COMPLETE | END, true, false }, ILLEGAL },
      { { O, END, false, false }, { O, END, false, false }, { O, END, true, false } } },
    { "result, deletes", { .type = SYNC_DONE, .done = true, .deletes = true },
      { { O, COMPLETE | END, true, false }, { O, COMPLETE | END, true, false }, ILLEGAL },
      { { O, END, false, false }, { O, END, false, false }, { O, END, true, false } } },
    { "result, no control", { .type = SYNC_DONE },
      { { O, END, false, false }, { O, END, false, false }, ILLEGAL },
      { { O, END, false, false }, { O, END, false, false }, { O, END, false, false } } },
    { "4096", { .type = SYNC_DONE, .rc = SYNC_REFRESH_REQUIRED, .done = true, .deletes = true },
      { { O, END | EFFECT_RESTART, false, false }, { O, END | EFFECT_RESTART, false, false }, ILLEGAL },
      { { O, END | EFFECT_RESTART, false, false }, { O, END | EFFECT_RESTART, false, false },
        { O, END | EFFECT_RESTART, false, false } } },
    { "0x4100", { .type = SYNC_DONE, .rc = SYNC_REFRESH_REQUIRED_OLD },
      { { O, END | EFFECT_RESTART, false, false }, { O, END | EFFECT_RESTART, false, false }, ILLEGAL },
      { { O, END | EFFECT_RESTART, false, false }, { O, END | EFFECT_RESTART, false, false },
        { O, END | EFFECT_RESTART, false, false } } },
    { "size limit", { .type = SYNC_DONE, .rc = 4, .done = true },
      { { O, END, false, false }, { O, END, false, false }, ILLEGAL },
      { { O, END, false, false }, { O, END, false, false }, { O, END, false, false } } },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* One step from a state that is put together, and what must come of it. */
static void check(size_t i, const struct expected *x, struct phase_state from, bool with_cookie)
{
    struct phase_state s = from;
    struct sync_msg m = rows[i].msg;
    struct err e = { 0 };
    unsigned effect = x->effect;
    int rc;

    m.has_cookie = with_cookie;
    rc = phase_step(&s, &m, &e);
    if (x->next == NO) {
        cr_assert_eq(rc, -1, "%s in %s", rows[i].name, phase_of_name(from.phase));
        cr_assert_eq(e.class, ERR_DATA);
        cr_assert_eq(s.phase, from.phase);
        cr_assert_eq(m.effect, 0);
        return;
    }
    if (with_cookie && x->cookie)
        effect |= EFFECT_COOKIE;
    if ((effect & EFFECT_COMPLETE) && (x->absent_always || from.present_phase || !from.had_cookie))
        effect |= EFFECT_ABSENT;
    cr_assert_eq(rc, 0, "%s in %s: %s", rows[i].name, phase_of_name(from.phase), e.text);
    cr_assert_eq(s.phase, x->next, "%s in %s leads to %s", rows[i].name, phase_of_name(from.phase), phase_of_name(s.phase));
    cr_assert_eq(m.effect, effect, "%s in %s: effect %x, not %x", rows[i].name, phase_of_name(from.phase), m.effect, effect);
}

Test(phase, every_cell)
{
    for (size_t i = 0; i < ROWS; i++)
        for (unsigned bits = 0; bits < 16; bits++)
            for (enum phase p = R; p <= P; p++) {
                bool persist = bits & 1;
                struct phase_state s = { .phase = p, .persist_mode = persist, .had_cookie = bits & 2, .present_phase = bits & 4 };

                check(i, persist ? &rows[i].persist[p] : &rows[i].poll[p], s, bits & 8);
            }
}

Test(phase, nothing_comes_after_the_result)
{
    static const struct expected illegal = ILLEGAL;

    for (size_t i = 0; i < ROWS; i++)
        for (unsigned bits = 0; bits < 4; bits++)
            check(i, &illegal, (struct phase_state){ .phase = O, .persist_mode = bits & 1, .had_cookie = bits & 2 }, true);
}

Test(phase, messages_of_no_search)
{
    static const enum sync_type others[] = { SYNC_BEGIN, SYNC_LOST, SYNC_CONTEXT, SYNC_LOOKUP, SYNC_LISTED, SYNC_PROBE_END, SYNC_SILENT };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct phase_state s = { .phase = R };
        struct sync_msg m = { .type = others[i] };

        cr_assert_eq(phase_step(&s, &m, NULL), -1);
    }
}

/* ---- Whole refreshes ---- */

static unsigned step(struct phase_state *s, struct sync_msg m)
{
    struct err e = { 0 };

    cr_assert_eq(phase_step(s, &m, &e), 0, "%s", e.text);
    return m.effect;
}

Test(phase, present_then_delete_phase)
{
    struct phase_state s = { .persist_mode = true, .had_cookie = true };

    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_IDSET, .has_cookie = true }), EFFECT_PRESENT);
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_REFRESH_PRESENT, .has_cookie = true }), 0);
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_IDSET, .deletes = true, .has_cookie = true }), EFFECT_GONE);
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_REFRESH_DELETE, .done = true, .has_cookie = true }),
                 EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_COOKIE);
}

Test(phase, delete_phase_with_a_cookie_has_no_absent_ones)
{
    struct phase_state s = { .persist_mode = true, .had_cookie = true };

    step(&s, (struct sync_msg){ .type = SYNC_IDSET, .deletes = true });
    step(&s, (struct sync_msg){ .type = SYNC_ENTRY, .state = SYNC_STATE_ADD });
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_REFRESH_DELETE, .done = true }), EFFECT_COMPLETE);
}

Test(phase, present_entries_make_a_present_phase)
{
    struct phase_state s = { .had_cookie = true };

    step(&s, (struct sync_msg){ .type = SYNC_ENTRY, .state = SYNC_STATE_PRESENT });
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_DONE, .done = true, .deletes = true }),
                 EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_END);
}

Test(phase, a_failed_refresh_completes_nothing)
{
    struct phase_state s = { .persist_mode = true };

    step(&s, (struct sync_msg){ .type = SYNC_ENTRY, .state = SYNC_STATE_ADD });
    cr_assert_eq(step(&s, (struct sync_msg){ .type = SYNC_DONE, .rc = 4, .done = true, .has_cookie = true }), EFFECT_END);
}

Test(phase, second_refresh_done_is_refused)
{
    struct phase_state s = { .persist_mode = true };
    struct sync_msg again = { .type = SYNC_REFRESH_DELETE, .done = true };
    struct err e = { 0 };

    step(&s, again);
    cr_assert_eq(phase_step(&s, &again, &e), -1);
    cr_assert_not_null(strstr(e.text, "refreshDelete with refreshDone TRUE"), "%s", e.text);
    cr_assert_not_null(strstr(e.text, "persist"), "%s", e.text);
}
