/* Whatever is renamed or moved, with a container or alone, while it is mirrored, invalid or waiting for an address: when it is quiet, the
 * state knows where everybody stands, groups have those whom they name, and nothing is left of what lies outside of the base. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "dn.h"
#include "harness.h"
#include "members.h"

#define PEOPLE 8
#define BOXES 3
#define GROUPS 2
#define REFS 3
#define NAMES 6
#define ADDRESSES 9

#define IN_BASE "ou=people,dc=example,dc=com"
#define OUTSIDE "ou=away,dc=example,dc=com"

static struct {
    bool there, valid, told;
    int address, name, box;   /* box -1: right under the base */
} who[PEOPLE];

static struct {
    bool away, told;
} box[BOXES];

static struct {
    char ref[REFS][96];
    bool told;
} group[GROUPS];

static bool connected;
static unsigned long long random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % n;
}

/* ---- what is in the directory ------------------------------------------------------------------------------- */

static const char *text(const char *format, int n)
{
    static char texts[8][16];
    static unsigned at;
    char *t = texts[at++ % 8];

    snprintf(t, sizeof(texts[0]), format, n);
    return t;
}

static const char *box_dn(int b)
{
    static char dn[64];

    snprintf(dn, sizeof(dn), "ou=b%d,%s", b, box[b].away ? OUTSIDE : IN_BASE);
    return dn;
}

static void put_dn(char dn[96], int name, int b)
{
    snprintf(dn, 96, "uid=n%d,%s", name, b < 0 ? IN_BASE : box_dn(b));
}

static const char *dn_of(int i)
{
    static char dn[96];

    put_dn(dn, who[i].name, who[i].box);
    return dn;
}

static bool in_place(int i)
{
    return who[i].there && (who[i].box < 0 || !box[who[i].box].away);
}

/* A DN that nobody has. */
static void new_place(int i)
{
    bool taken;

    do {
        who[i].name = (int)below(NAMES);
        who[i].box = (int)below(BOXES + 1) - 1;
        taken = false;
        for (int k = 0; k < PEOPLE; k++)
            taken = taken || (k != i && who[k].there && who[k].name == who[i].name && who[k].box == who[i].box);
    } while (taken);
}

static void tell_person(int i)
{
    who[i].told = connected;
    if (!connected)
        return;
    speak_of(SEARCH_ACCOUNTS);
    if (in_place(i))
        tell(many(i));
    else
        tell_gone(many(i));
}

static void put_person(int i)
{
    char mail[32];

    snprintf(mail, sizeof(mail), who[i].valid ? "m%d@example.com" : "m%d@two@ats", who[i].address);
    speak_of(SEARCH_ACCOUNTS);
    dir_put(many(i), "mail", mail, "sn", text("s%d", (int)below(3)), NULL);
    dir_at(many(i), dn_of(i));
}

static void change_person(int i)
{
    if (!who[i].there || below(2))
        who[i].address = (int)below(ADDRESSES);
    if (!who[i].there)
        new_place(i);
    who[i].valid = below(3) > 0;
    who[i].there = true;
    put_person(i);
    tell_person(i);
}

static void rename_person(int i)
{
    if (!who[i].there)
        return;
    new_place(i);
    dir_rename(many(i), dn_of(i));
    tell_person(i);
}

static void remove_person(int i)
{
    if (!who[i].there)
        return;
    who[i].there = false;
    dir_remove(many(i));
    tell_person(i);
}

static void move_box(int b)
{
    box[b].away = !box[b].away;
    dir_rename(text("b%d", b), box_dn(b));
    box[b].told = connected;
    speak_of(SEARCH_CONTAINERS);
    if (connected)
        tell(text("b%d", b));
}

static void change_group(int g)
{
    for (int k = 0; k < REFS; k++)
        put_dn(group[g].ref[k], (int)below(NAMES), (int)below(BOXES + 1) - 1);
    speak_of(SEARCH_GROUPS);
    dir_put(text("g%d", g), "member", group[g].ref[0], "member", group[g].ref[1], "member", group[g].ref[2], NULL);
    group[g].told = connected;
    if (connected)
        tell(text("g%d", g));
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

static void say(bool cookie, bool *told, const char *name)
{
    if (cookie && *told)
        tell_present(name);
    else
        tell(name);
    *told = true;
}

static void refresh(void)
{
    bool cookie = below(3) > 0 && cookie_stored()[0], people = true, away = true;

    if (connected)
        lost();
    session(cookie);
    for (int kind = SEARCH_GROUPS; kind <= SEARCH_CONTAINERS; kind++) {
        speak_of((enum search_kind)kind);
        search_begins(cookie);
    }
    speak_of(SEARCH_ACCOUNTS);
    for (int i = 0; i < PEOPLE; i++)
        if (in_place(i))
            say(cookie, &who[i].told, many(i));
    done_present();
    speak_of(SEARCH_GROUPS);
    for (int g = 0; g < GROUPS; g++)
        say(cookie, &group[g].told, text("g%d", g));
    done_present();
    speak_of(SEARCH_CONTAINERS);
    say(cookie, &people, "people");
    say(cookie, &away, "away");
    for (int b = 0; b < BOXES; b++)
        say(cookie, &box[b].told, text("b%d", b));
    done_present();
    connected = true;
}

static void forget_told(void)
{
    connected = false;
    for (int i = 0; i < PEOPLE; i++)
        who[i].told = false;
    for (int g = 0; g < GROUPS; g++)
        group[g].told = false;
    for (int b = 0; b < BOXES; b++)
        box[b].told = false;
}

static void read_all(void)
{
    while (is_subtree_due())
        read_subtree(0);
}

static void do_something(void)
{
    switch (below(16)) {
    case 0:
        scene_reopen();
        forget_told();
        break;
    case 1:
        if (connected)
            lost();
        connected = false;
        break;
    case 2:
    case 3:
        refresh();
        break;
    case 4:
        if (asked())
            answer();
        break;
    case 5:
        read_all();
        break;
    case 6:
    case 7:
        pass_s(below(200));
        break;
    case 8:
        change_group((int)below(GROUPS));
        break;
    case 9:
        move_box((int)below(BOXES));
        break;
    case 10:
        remove_person((int)below(PEOPLE));
        break;
    case 11:
    case 12:
        rename_person((int)below(PEOPLE));
        break;
    default:
        change_person((int)below(PEOPLE));
    }
}

static void step(void)
{
    do_something();
    if (was_restarted()) {
        lost();
        forget_told();
    }
}

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
    refresh();
    for (int i = 0; i < 20; i++) {
        read_all();
        pass_s(400);
        while (asked())
            answer();
        approve_all();
    }
}

/* ---- what must be ------------------------------------------------------------------------------------------- */

static int who_is(const uint8_t *uuid)
{
    uint8_t other[UUID_BYTES];

    for (int i = 0; i < PEOPLE; i++) {
        uuid_of(many(i), other);
        if (memcmp(uuid, other, UUID_BYTES) == 0)
            return i;
    }
    return -1;
}

static void compare_person(struct txn *t, int i, struct arena *a)
{
    struct object o, waits;
    struct slice dn, reason;
    uint8_t uuid[UUID_BYTES], owner[UUID_BYTES];
    bool mirrored, wants, invalid;
    char mail[32];

    uuid_of(many(i), uuid);
    mirrored = objects_get(t, uuid, &o, a) != 0;
    wants = want_get(t, uuid, &waits, a);
    invalid = invalid_get(t, uuid, &dn, &reason, a);
    if (!in_place(i)) {
        cr_assert(!mirrored && !wants && !invalid, "%s is outside, and is %s", many(i),
                  mirrored ? "mirrored" : wants ? "waiting" : "invalid");
        return;
    }
    snprintf(mail, sizeof(mail), "m%d@example.com", who[i].address);
    cr_assert_eq(invalid, !who[i].valid, "%s", many(i));
    if (mirrored)
        cr_assert(dn_same(o.dn, slice_of(dn_of(i))), "%s is %s, not %.*s", many(i), dn_of(i), SLICE_ARG(o.dn));
    if (wants) {
        cr_assert(who[i].valid && slice_eq(waits.address, slice_of(mail)), "%s wants %.*s", many(i), SLICE_ARG(waits.address));
        cr_assert(dn_same(waits.dn, slice_of(dn_of(i))));
        cr_assert(objects_owner(t, waits.address, owner, NULL) != 0, "%s waits for %s, which is free", many(i), mail);
        cr_assert(who_is(owner) != i && in_place(who_is(owner)));
    } else if (who[i].valid) {
        cr_assert(mirrored && slice_eq(o.address, slice_of(mail)), "%s is not %s", many(i), mail);
    }
}

/* The address that a reference gives; empty: none. */
static struct slice given_by(struct txn *t, const char *ref, struct arena *a)
{
    uint8_t uuid[UUID_BYTES];
    struct object o;

    for (int i = 0; i < PEOPLE; i++) {
        uuid_of(many(i), uuid);
        if (in_place(i) && strcmp(dn_of(i), ref) == 0 && objects_get(t, uuid, &o, a) != 0)
            return o.address;
    }
    return (struct slice){ "", 0 };
}

static void compare_group(struct txn *t, int g, struct arena *a)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct slice address;
    struct pending p;
    uint32_t live;

    uuid_of(text("g%d", g), uuid);
    for (int k = 0; k < REFS; k++) {
        address = given_by(t, group[g].ref[k], a);
        cr_assert(address.len == 0 || told_get(t, uuid, address, &live), "g%d lacks %.*s", g, SLICE_ARG(address));
    }
    while (told_next(t, uuid, &next, &address, &live, a)) {
        bool named = false;

        for (int k = 0; k < REFS; k++)
            named = named || slice_eq(address, given_by(t, group[g].ref[k], a));
        cr_assert(named || pending_get(t, uuid, PENDING_MEMBER, FIELD_MEMBERS, address, &p, a), "g%d has %.*s", g,
                  SLICE_ARG(address));   /* it waits for a rename that is blocked */
    }
    buf_free(&next);
}

static void compare(void)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };

    for (int i = 0; i < PEOPLE; i++)
        compare_person(t, i, &a);
    for (int g = 0; g < GROUPS; g++)
        compare_group(t, g, &a);
    arena_free(&a);
    txn_abort(&t);
}

static void begin(void)
{
    static char groups[] = "ou=groups,dc=example,dc=com", group_of_names[] = "groupOfNames";
    const char *given = getenv("AXSYNC_TEST_SEED");
    /* The same life each time, so that a failure is the change's; other seeds are for long runs of their own. */
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    scene_open();
    conf.guard = (struct config_guard){ .window = 3600, .settle = 1 };
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_containers();
    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    random_state = seed;
    speak_of(SEARCH_CONTAINERS);
    dir_put("people", NULL);
    dir_at("people", IN_BASE);
    dir_put("away", NULL);
    dir_at("away", OUTSIDE);
    for (int b = 0; b < BOXES; b++) {
        dir_put(text("b%d", b), NULL);
        dir_at(text("b%d", b), box_dn(b));
    }
    for (int g = 0; g < GROUPS; g++)
        change_group(g);
}

TestSuite(places, .init = begin, .fini = scene_close, .timeout = 110);

Test(places, are_known_in_the_end)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++)
            step();
        settle();
        compare();
        expect_any();
    }
}
