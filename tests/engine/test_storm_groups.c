/* The same for groups as test_storm.c for accounts: members come, go, move, are renamed and are groups themselves; groups come, go and
 * are renamed; killed and cut short anywhere. When it is quiet, each group has the members that its entry gives. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "members.h"

#define PEOPLE 8
#define GROUPS 4
#define ALL (PEOPLE + GROUPS)   /* people first */
#define ADDRESSES 11
#define REFS 5

static char groups_base[] = "ou=groups,dc=example,dc=com", group_class[] = "groupOfNames";
static unsigned long long random_state;

/* Of each entry, as the directory has it. */
static struct thing {
    bool there, told;       /* told: the session has said what it is now */
    int address;
    int place;              /* which of two DNs it has */
    int refs[REFS], n_refs; /* of a group: 2 * thing + place */
} things[ALL];
static bool connected;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % n;
}

static void begin(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    scene_open();
    conf.group_base = groups_base;
    conf.group_class = group_class;
    conf.guard = (struct config_guard){ .window = 3600, .settle = 1 };
    scene_reopen();
    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    random_state = seed;
}

TestSuite(storm_groups, .init = begin, .fini = scene_close, .timeout = 110);

static bool is_group(int i)
{
    return i >= PEOPLE;
}

static const char *name_of(int i)
{
    static const char *const names[GROUPS] = { "g0", "g1", "g2", "g3" };

    return is_group(i) ? names[i - PEOPLE] : many(i);
}

static void speak_of_thing(int i)
{
    speak_of(is_group(i) ? SEARCH_GROUPS : SEARCH_ACCOUNTS);
}

static const char *dn_of(int i, int place)
{
    static char texts[16][96];
    static unsigned next;
    char *text = texts[next++ % 16];

    snprintf(text, 96, "%s=%s,%s%s", is_group(i) ? "cn" : "uid", name_of(i), place ? "ou=moved," : "",
             is_group(i) ? groups_base : "ou=people,dc=example,dc=com");
    return text;
}

static void address_text(int i, char text[32])
{
    snprintf(text, 32, "%c%d@example.com", is_group(i) ? 'g' : 'm', things[i].address);
}

/* One that nobody of the kind has: conflicts that stay would have no end to compare. */
static int free_address(int of)
{
    for (;;) {
        int a = (int)below(ADDRESSES);
        bool taken = false;

        for (int i = 0; i < ALL; i++)
            taken = taken || (is_group(i) == is_group(of) && things[i].there && things[i].address == a);
        if (!taken)
            return a;
    }
}

static void put_person(int i)
{
    char mail[32], sn[8];

    address_text(i, mail);
    snprintf(sn, sizeof(sn), "s%u", below(3));
    dir_put(name_of(i), "dn", dn_of(i, things[i].place), "mail", mail, "sn", sn, NULL);
}

static void put_group(int i)
{
    const struct thing *g = &things[i];
    const char *dn[REFS + 1] = { NULL };
    char cn[8];

    snprintf(cn, sizeof(cn), "g%d", g->address);
    for (int k = 0; k < g->n_refs; k++)
        dn[k] = dn_of(g->refs[k] / 2, g->refs[k] % 2);
    /* The first NULL ends them. */
    dir_put(name_of(i), "dn", dn_of(i, g->place), "cn", cn, dn[0] ? "member" : NULL, dn[0], dn[1] ? "member" : NULL, dn[1],
            dn[2] ? "member" : NULL, dn[2], dn[3] ? "member" : NULL, dn[3], dn[4] ? "member" : NULL, dn[4], NULL);
}

static void put(int i)
{
    speak_of_thing(i);
    if (is_group(i))
        put_group(i);
    else
        put_person(i);
    things[i].there = true;
    things[i].told = false;
}

static void tell_now(int i)
{
    if (!connected)
        return;
    speak_of_thing(i);
    if (things[i].there)
        tell(name_of(i));
    else
        tell_gone(name_of(i));
    things[i].told = true;
}

/* Another set of members, or one more or less. */
static void change_members(struct thing *g)
{
    int n = (int)below(REFS + 1);

    if (below(2) && g->n_refs > 0)
        g->n_refs--;
    else if (below(2))
        g->n_refs = 0;
    for (int at = g->n_refs; at < n; at++) {
        bool twice = false;

        g->refs[at] = (int)(below(ALL) * 2 + (below(4) == 0));
        for (int k = 0; k < at; k++)
            twice = twice || g->refs[k] == g->refs[at];
        if (twice)
            break;
        g->n_refs = at + 1;
    }
}

static void change(int i)
{
    struct thing *t = &things[i];

    if (t->there && below(6) == 0) {
        speak_of_thing(i);
        dir_remove(name_of(i));
        t->there = t->told = false;
        tell_now(i);
        return;
    }
    if (!t->there || below(4) == 0)
        t->address = free_address(i);
    if (below(4) == 0)
        t->place = !t->place;
    if (is_group(i) && below(3))
        change_members(t);
    put(i);
    tell_now(i);
}

/* False: it broke off. */
static bool refresh_search(enum search_kind kind, bool cookie)
{
    for (int i = 0; i < ALL; i++) {
        if (is_group(i) != (kind == SEARCH_GROUPS))
            continue;
        speak_of_thing(i);
        if (things[i].there && (!cookie || !things[i].told))
            tell(name_of(i));
        else if (things[i].there)
            tell_present(name_of(i));
        if (below(60) == 0) {
            lost();
            return false;
        }
    }
    speak_of(kind);
    done_present();
    return true;
}

static void refresh(void)
{
    bool cookie = below(2) && cookie_stored_of(SEARCH_ACCOUNTS)[0] && cookie_stored_of(SEARCH_GROUPS)[0];
    bool groups_first = below(2);

    if (connected)
        lost();
    connected = false;
    speak_of(SEARCH_ACCOUNTS);
    session(cookie);
    speak_of(SEARCH_GROUPS);
    search_begins(cookie);
    if (!refresh_search(groups_first ? SEARCH_GROUPS : SEARCH_ACCOUNTS, cookie) ||
        !refresh_search(groups_first ? SEARCH_ACCOUNTS : SEARCH_GROUPS, cookie))
        return;
    connected = true;
    for (int i = 0; i < ALL; i++)
        things[i].told = true;
}

static void forget_told(void)
{
    connected = false;
    for (int i = 0; i < ALL; i++)
        things[i].told = false;   /* what was not committed is told again; more often does no harm */
}

static void step(void)
{
    switch (below(12)) {
    case 0:
        if (below(2)) {
            scene_reopen();
            forget_told();
        } else {
            scene_fail_commit(true);
        }
        break;
    case 1:
        refresh();
        break;
    case 2:
    case 3:
        if (asked() && below(4) == 0)
            answer_as(LOOKUP_UNPROVEN);
        else if (asked())
            answer();
        break;
    case 4:
    case 5:
        pass_s(below(200));
        break;
    default:
        change((int)below(ALL));
    }
    if (was_restarted()) {
        lost();
        forget_told();
    }
}

/* What two groups were seen to have lost at once is held, rightly. */
static void approve_all(void)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    uint32_t ids[64], id = 0;
    struct hold h;
    size_t n = 0;

    while (n < 64 && hold_next(t, &id, &h, &a))
        ids[n++] = h.id;
    txn_abort(&t);
    arena_free(&a);
    for (size_t i = 0; i < n; i++)
        approve(ids[i], 0);
}

static void settle(void)
{
    scene_fail_commit(false);
    do
        refresh();
    while (!connected);
    was_restarted();
    for (int i = 0; i < 20; i++) {
        pass_s(400);
        while (asked())
            answer();
        approve_all();
    }
    cr_assert(!was_restarted(), "nothing was wrong with this session");
}

static bool is_member(int group, int thing)
{
    for (int k = 0; k < things[group].n_refs; k++)
        if (things[group].refs[k] == 2 * thing + things[thing].place)
            return things[thing].there;
    return false;
}

static void compare_members(struct txn *t, int group)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct slice address;
    uint32_t live;
    int n = 0;

    uuid_of(name_of(group), uuid);
    for (int i = 0; i < ALL; i++) {
        char text[32];

        address_text(i, text);
        if (!is_member(group, i))
            continue;
        n++;
        cr_assert(told_get(t, uuid, slice_of(text), &live) && live == 1, "%s is no member of %s", text, name_of(group));
    }
    while (told_next(t, uuid, &next, &address, &live, &a))
        n--;
    cr_assert_eq(n, 0, "%s has %d members too many", name_of(group), -n);
    buf_free(&next);
    arena_free(&a);
}

static void compare(void)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    struct object o;

    for (int i = 0; i < ALL; i++) {
        uint8_t uuid[UUID_BYTES];
        char text[32];

        uuid_of(name_of(i), uuid);
        address_text(i, text);
        cr_assert_eq(objects_get(t, uuid, &o, &a) != 0, things[i].there, "%s", name_of(i));
        if (things[i].there)
            cr_assert(slice_eq(o.address, slice_of(text)), "%s is %.*s, not %s", name_of(i), SLICE_ARG(o.address), text);
        if (things[i].there && is_group(i))
            compare_members(t, i);
    }
    cr_assert_eq(txn_count(t, TABLE_PENDING), 0u);
    cr_assert_eq(txn_count(t, TABLE_WANT), 0u);
    cr_assert_eq(txn_count(t, TABLE_LEAVING), 0u);
    arena_free(&a);
    txn_abort(&t);
}

Test(storm_groups, ends_in_calm)
{
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            step();
        settle();
        compare();
        expect_any();
    }
}
