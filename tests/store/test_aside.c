#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "action_parse.h"
#include "aside.h"
#include "fixture.h"

#define NOW ((int64_t)1800000000 * 1000)
#define SINK "mail"

static void open_with_sinks(void)
{
    fixture_open();
    begin();
    sink_position_put(txn, SINK, 0);
    sink_position_put(txn, "mail2", 0);
    commit();
    begin();
}

TestSuite(aside, .init = open_with_sinks, .fini = fixture_close);

/* ---- making rows --------------------------------------------------------------------------------------------- */

static struct action action(uint64_t seq, enum action_type type, int uuid, const char *address)
{
    uint8_t *copy = arena_alloc(&arena, UUID_BYTES);

    memset(copy, uuid, UUID_BYTES);
    return (struct action){ .seq = seq, .time_ms = NOW, .connector = slice_of("corp"), .type = type, .uuid = copy,
                            .address = slice_of(address), .cause = CAUSE_MODIFY, .phase = PHASE_PERSIST };
}

static struct aside_row row_of(const struct action *a)
{
    struct buf line = { 0 };
    struct aside_row row;

    action_json(a, &line);
    aside_row_make(&row, a, arena_copy(&arena, line.p, line.len), &arena);
    row.since_ms = NOW;
    buf_free(&line);
    return row;
}

static struct aside_id add(const struct action *a, enum aside_state state)
{
    struct aside_row row = row_of(a);

    row.state = state;
    aside_add(txn, SINK, &row);
    return row.id;
}

static struct aside_id add_update(uint64_t seq, int uuid, const char *address, enum aside_state state)
{
    struct action a = action(seq, ACTION_ACCOUNT_UPDATE, uuid, address);

    return add(&a, state);
}

static struct aside_id add_rename(uint64_t seq, int uuid, const char *from, const char *to, enum aside_state state)
{
    struct action a = action(seq, ACTION_ACCOUNT_RENAME, uuid, to);

    a.from = slice_of(from);
    return add(&a, state);
}

static struct aside_row get(uint64_t seq)
{
    struct aside_row row;

    cr_assert(aside_get(txn, SINK, (struct aside_id){ seq, 0 }, &row, &arena), "there is no row %llu",
              (unsigned long long)seq);
    return row;
}

static bool is_there(uint64_t seq)
{
    struct aside_row row;

    return aside_get(txn, SINK, (struct aside_id){ seq, 0 }, &row, &arena);
}

static void expect_state(uint64_t seq, enum aside_state state)
{
    cr_expect_eq(get(seq).state, state, "row %llu is in state %d", (unsigned long long)seq, get(seq).state);
}

static void set_state(uint64_t seq, enum aside_state state)
{
    struct aside_row row = get(seq);

    row.state = state;
    row.next_ms = state == ASIDE_RETRY ? NOW + 1000 : 0;
    cr_assert(aside_edit(txn, SINK, &row));
}

static void end(uint64_t seq)
{
    cr_assert(aside_end(txn, SINK, (struct aside_id){ seq, 0 }));
}

static void leave_the_rest(uint64_t seq, const struct action *a)
{
    struct aside_row row = get(seq);

    row.state = ASIDE_PARKED;
    aside_row_rest(&row, a, &arena);
    cr_assert(aside_edit(txn, SINK, &row));
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

Test(aside, gives_back_what_was_put)
{
    struct action a = action(7, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");
    struct aside_row row = row_of(&a), back;

    row.state = ASIDE_PARKED;
    row.flags |= ASIDE_FLAG_FIRST;
    row.attempts = 10;
    row.words = slice_of("-ERR: no");
    aside_add(txn, SINK, &row);
    commit();
    reopen();
    begin();
    back = get(7);
    cr_expect_eq(back.state, ASIDE_PARKED);
    cr_expect_eq(back.flags, (unsigned)ASIDE_FLAG_FIRST);
    cr_expect_eq(back.attempts, 10u);
    cr_expect_eq(back.since_ms, NOW);
    cr_expect_eq(back.type, ACTION_ACCOUNT_CREATE);
    cr_expect_eq(memcmp(back.uuid, a.uuid, UUID_BYTES), 0);
    cr_expect(slice_eq(back.domain, slice_of("example.com")));
    cr_expect(slice_eq(back.words, slice_of("-ERR: no")));
    cr_expect(slice_eq(back.line, row.line));
}

Test(aside, a_row_stands_behind_what_it_shares_a_key_with)
{
    add_update(1, 1, "ann@example.com", ASIDE_RETRY);
    add_update(2, 2, "bob@example.com", ASIDE_BEHIND);
    add_update(3, 1, "ann@example.com", ASIDE_BEHIND);
    add_rename(4, 3, "cat@example.com", "ann@example.com", ASIDE_BEHIND);
    expect_state(2, ASIDE_RETRY);
    expect_state(3, ASIDE_BEHIND);
    expect_state(4, ASIDE_BEHIND);
    cr_expect_eq(get(4).behind.seq, 3u, "the nearest one counts");
    commit();
    begin();
    end(1);
    expect_state(3, ASIDE_RETRY);
    expect_state(4, ASIDE_BEHIND);
    end(3);
    expect_state(4, ASIDE_RETRY);
    commit();
}

Test(aside, what_stands_behind_a_parked_row_counts_as_parked)
{
    struct sink_row numbers;

    add_update(1, 1, "ann@example.com", ASIDE_RETRY);
    add_update(2, 1, "ann@example.com", ASIDE_BEHIND);
    add_update(3, 1, "ann@example.com", ASIDE_BEHIND);
    set_state(1, ASIDE_PARKED);
    add_update(4, 1, "ann@example.com", ASIDE_BEHIND);
    for (uint64_t seq = 2; seq <= 4; seq++)
        expect_state(seq, ASIDE_STUCK);
    commit();
    begin();
    sink_row_get(txn, SINK, &numbers);
    cr_expect_eq(sink_row_parked(&numbers), 4u);
    cr_expect_eq(sink_row_waiting(&numbers), 0u);
    cr_expect_eq(aside_root(txn, SINK, (struct aside_id){ 4, 0 }).seq, 1u);
    set_state(1, ASIDE_RETRY);
    for (uint64_t seq = 2; seq <= 4; seq++)
        expect_state(seq, ASIDE_BEHIND);
    commit();
}

Test(aside, members_of_one_group_wait_only_for_the_same_member)
{
    struct slice ann = slice_of("ann@example.com"), bob = slice_of("bob@example.com");
    struct action a = action(1, ACTION_GROUP_MEMBERS, 9, "staff@example.com");

    a.add = &ann;
    a.n_add = 1;
    add(&a, ASIDE_RETRY);
    a.seq = 2;
    a.add = &bob;
    add(&a, ASIDE_BEHIND);
    a.seq = 3;
    a.n_add = 0;
    a.remove = &ann;
    a.n_remove = 1;
    add(&a, ASIDE_BEHIND);
    add_update(4, 1, "ann@example.com", ASIDE_BEHIND);
    expect_state(2, ASIDE_RETRY);
    expect_state(3, ASIDE_BEHIND);
    expect_state(4, ASIDE_RETRY);
    a = action(5, ACTION_GROUP_DELETE, 9, "staff@example.com");
    add(&a, ASIDE_BEHIND);
    cr_expect_eq(get(5).behind.seq, 3u);
    commit();
}

Test(aside, members_that_follow_from_a_rename_wait_with_it)
{
    struct slice old = slice_of("ann@example.com"), new = slice_of("anna@example.com");
    struct action a = action(2, ACTION_GROUP_MEMBERS, 9, "staff@example.com");

    add_rename(1, 1, "ann@example.com", "anna@example.com", ASIDE_PARKED);
    a.add = &new;
    a.remove = &old;
    a.n_add = a.n_remove = 1;
    add(&a, ASIDE_BEHIND);
    expect_state(2, ASIDE_RETRY);
    a.seq = 3;
    a.uuid = uuid_of(8);
    a.address = slice_of("all@example.com");
    a.cause = CAUSE_RENAME;
    add(&a, ASIDE_BEHIND);
    expect_state(3, ASIDE_STUCK);
    commit();
}

Test(aside, what_is_left_of_a_rename_holds_aliases_and_the_new_address_only)
{
    struct action rename = action(1, ACTION_ACCOUNT_RENAME, 1, "ann@other.org"), update;
    struct slice alias = slice_of("a@other.org");

    rename.from = slice_of("ann@example.com");
    add(&rename, ASIDE_RETRY);
    add_update(2, 1, "ann@other.org", ASIDE_BEHIND);
    expect_state(2, ASIDE_BEHIND);
    leave_the_rest(1, &rename);
    expect_state(2, ASIDE_RETRY);
    end(2);
    update = action(3, ACTION_ACCOUNT_UPDATE, 1, "ann@other.org");
    update.set_aliases = &alias;
    update.n_set_aliases = 1;
    add(&update, ASIDE_BEHIND);
    expect_state(3, ASIDE_STUCK);
    add_update(4, 5, "ann@other.org", ASIDE_BEHIND);
    expect_state(4, ASIDE_STUCK);
    commit();
    begin();
    /* Back again: what was left of the first rename is over, and the line goes on in its order. */
    add_rename(5, 1, "ann@other.org", "ann@example.com", ASIDE_BEHIND);
    cr_expect(!is_there(1));
    expect_state(3, ASIDE_RETRY);
    expect_state(5, ASIDE_BEHIND);
    commit();
}

Test(aside, what_is_left_of_aliases_is_an_update_of_them_alone)
{
    struct slice alias = slice_of("a@example.com");
    struct object_field name = { FIELD_CONTACT_FIRST_NAME, slice_of("Ann") };
    struct action create = action(1, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");
    char *line;

    create.set = &name;
    create.n_set = 1;
    create.set_aliases = &alias;
    create.n_set_aliases = 1;
    add(&create, ASIDE_RETRY);
    leave_the_rest(1, &create);
    line = strndup(get(1).line.p, get(1).line.len);
    cr_expect_not_null(strstr(line, "\"account.update\""));
    cr_expect_not_null(strstr(line, "\"set\":{\"aliases\":[\"a@example.com\"]}"), "%s", line);
    free(line);
    add_update(2, 1, "ann@example.com", ASIDE_BEHIND);
    expect_state(2, ASIDE_RETRY);
    add_update(3, 4, "a@example.com", ASIDE_BEHIND);
    expect_state(3, ASIDE_STUCK);
    cr_expect_eq(aside_supersede(txn, SINK, create.uuid, (struct aside_id){ 4, 0 }, SUPERSEDES_RENAME), 0u);
    cr_expect_eq(aside_supersede(txn, SINK, create.uuid, (struct aside_id){ 4, 0 }, SUPERSEDES_ALIASES), 1u);
    expect_state(3, ASIDE_RETRY);
    commit();
}

Test(aside, a_create_that_tells_the_state_anew_passes_its_own_and_supersedes_what_is_parked)
{
    struct action anew = action(9, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");
    struct aside_row row;
    struct aside_id front;

    add_update(1, 1, "ann@example.com", ASIDE_PARKED);
    add_update(2, 1, "ann@example.com", ASIDE_BEHIND);
    add_update(3, 2, "bob@example.com", ASIDE_PARKED);
    anew.cause = CAUSE_RESYNC;
    row = row_of(&anew);
    cr_expect(!aside_in_front(txn, SINK, &row, &front));
    cr_expect_eq(aside_supersede(txn, SINK, anew.uuid, row.id, aside_supersedes(&anew)), 1u);
    /* The second was freed by the end of the first, so it is parked no more and is still told. */
    cr_expect(!is_there(1) && is_there(2) && is_there(3));
    commit();
}

Test(aside, one_that_is_set_aside_twice_counts_once)
{
    struct sink_row numbers;

    add_update(1, 1, "ann@example.com", ASIDE_RETRY);
    add_update(1, 1, "ann@example.com", ASIDE_PARKED);
    sink_row_get(txn, SINK, &numbers);
    cr_assert_eq(numbers.aside[ASIDE_RETRY], 0u);
    cr_assert_eq(numbers.aside[ASIDE_PARKED], 1u);
    cr_assert_eq(get(1).state, ASIDE_PARKED);
    cr_assert(aside_end(txn, SINK, (struct aside_id){ 1, 0 }));
    sink_row_get(txn, SINK, &numbers);
    cr_assert_eq(numbers.aside[ASIDE_PARKED], 0u);
}

Test(aside, lines_with_one_seq_are_numbered)
{
    struct action a = action(5, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");
    struct aside_id first, second;

    a.cause = CAUSE_RESYNC;
    first = add(&a, ASIDE_PARKED);
    a.uuid = uuid_of(2);
    a.address = slice_of("bob@example.com");
    second = add(&a, ASIDE_PARKED);
    cr_expect(first.n == 1 && second.n == 2);
    commit();
}

Test(aside, the_rows_of_another_sink_are_its_own)
{
    struct action a = action(1, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");
    struct aside_row row = row_of(&a);

    row.state = ASIDE_PARKED;
    aside_add(txn, "mail2", &row);
    add_update(2, 1, "ann@example.com", ASIDE_BEHIND);
    expect_state(2, ASIDE_RETRY);
    cr_expect_eq(aside_drop(txn, "mail2"), 1u);
    cr_expect(is_there(2));
    commit();
    cr_expect(!aside_edit((begin(), txn), SINK, &row), "it is not there");
}

static void random_addition(uint64_t seq)
{
    static const char *const names[] = { "a@x", "b@x", "c@x", "d@y" };
    static const enum action_type types[] = { ACTION_ACCOUNT_CREATE, ACTION_ACCOUNT_UPDATE, ACTION_ACCOUNT_UPDATE,
                                              ACTION_ACCOUNT_RENAME, ACTION_ACCOUNT_DELETE, ACTION_GROUP_MEMBERS };
    struct slice other = slice_of(names[random_below(4)]);
    struct action a = action(seq, types[random_below(6)], 1 + (int)random_below(4), names[random_below(4)]);

    if (a.type == ACTION_ACCOUNT_RENAME)
        a.from = other;
    if (a.type == ACTION_GROUP_MEMBERS) {
        a.add = &other;
        a.n_add = 1;
        a.cause = random_below(2) ? CAUSE_RENAME : CAUSE_MODIFY;
    } else if (random_below(3) == 0) {
        a.set_aliases = &other;
        a.n_set_aliases = 1;
    }
    if (random_below(8) == 0)
        a.cause = CAUSE_RESYNC;
    add(&a, ASIDE_BEHIND);
}

/* The k-th row by order. */
static bool pick(unsigned k, struct aside_row *row)
{
    struct aside_id id = { 0 };
    bool found = false;

    for (unsigned i = 0; i <= k; i++)
        found = aside_next(txn, SINK, &id, row, &arena);
    return found;
}

static void random_edit(void)
{
    static const enum aside_state states[] = { ASIDE_RETRY, ASIDE_PARKED, ASIDE_ADOPT, ASIDE_DOMAIN, ASIDE_UNWELL };
    struct aside_row row;

    if (!pick(random_below(12), &row) || row.state == ASIDE_BEHIND || row.state == ASIDE_STUCK)
        return;
    row.state = states[random_below(5)];
    row.next_ms = NOW + random_below(5);
    if (random_below(6) == 0) {
        struct action a;
        struct err e;

        /* Its own: what is left of an action has no key that the whole had not. */
        cr_assert_eq(action_parse(row.line, &a, &arena, &e), 0, "%s", e.text);
        aside_row_rest(&row, &a, &arena);
    }
    cr_assert(aside_edit(txn, SINK, &row));
}

Test(aside, random_rows_keep_their_order)
{
    struct aside_row row;

    seed_random();
    for (uint64_t seq = 1; seq <= 1500; seq++) {
        switch (random_below(4)) {
        case 0:
        case 1:
            random_addition(seq);
            break;
        case 2:
            random_edit();
            break;
        case 3:
            if (pick(random_below(20), &row))
                aside_end(txn, SINK, row.id);
        }
        commit();   /* audits all of it */
        arena_reset(&arena);
        begin();
    }
    while (pick(0, &row))
        aside_end(txn, SINK, row.id);
    cr_expect_eq(txn_count(txn, TABLE_ASIDE_KEY), 0u);
    commit();
}
