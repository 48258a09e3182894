/* Whatever the directory does and whatever is killed: when it is quiet, and nothing is held, the mail server has what the
 * directory says, and in between no line was one that it would refuse (target.c). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

#define PEOPLE 12
#define ADDRESSES 14
#define ALIASES 4       /* a0 to a3, for which people contend; then, if they may clash, m0 to m3, which are addresses too */

static unsigned long long random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % n;
}

static void begin(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    /* The same life each time, so that a failure is the change's; other seeds are for long runs of their own. */
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    scene_open();
    conf.guard = (struct config_guard){ .window = 3600, .settle = 1 };
    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    random_state = seed;
}

TestSuite(storm, .init = begin, .fini = scene_close, .timeout = 110);

static bool there[PEOPLE];     /* in the directory */
static int address[PEOPLE];
static bool told[PEOPLE];      /* since the session broke off, not yet told: it is different */
static bool connected;
static bool clashes;           /* aliases may be addresses of others */
static bool crowded;           /* … and addresses may be those of others, or their aliases */
static unsigned wishes[PEOPLE];   /* aliases in the directory, one bit each */

static const char *alias_of(unsigned bit)
{
    static char names[2 * ALIASES][24];

    snprintf(names[bit], sizeof(names[bit]), "%c%u@example.com", bit < ALIASES ? 'a' : 'm', bit % ALIASES);
    return names[bit];
}

static unsigned some_aliases(void)
{
    unsigned pool = clashes ? 2 * ALIASES : ALIASES;

    return below(2) ? 0 : (1u << below(pool)) | (1u << below(pool));
}

/* The next alias that it wishes, NULL: no more. */
static const char *next_alias(unsigned *left)
{
    for (unsigned bit = 0; bit < 2 * ALIASES; bit++)
        if (*left & (1u << bit)) {
            *left &= ~(1u << bit);
            return alias_of(bit);
        }
    return NULL;
}

/* Those above are aliases that people contend for. */
static const char *address_of(int a)
{
    static char text[32];

    snprintf(text, sizeof(text), "%c%d@example.com", a < ADDRESSES ? 'm' : 'a', a < ADDRESSES ? a : a - ADDRESSES);
    return text;
}

/* An address that nobody in the directory has, as conflicts that stay have no end to compare: where that is done, any. */
static int some_address(void)
{
    for (;;) {
        int a = (int)below(crowded ? ADDRESSES + ALIASES : ADDRESSES);
        bool taken = false;

        if (crowded && below(2))
            return a;

        for (int i = 0; i < PEOPLE; i++)
            taken = taken || (there[i] && address[i] == a);
        if (!taken)
            return a;
    }
}

static void put(int i)
{
    char sn[8];

    const char *first, *second;
    unsigned left;

    snprintf(sn, sizeof(sn), "s%u", below(4));
    if (below(2))
        wishes[i] = some_aliases();
    left = wishes[i];
    first = next_alias(&left);
    second = next_alias(&left);
    dir_put(many(i), "mail", address_of(address[i]), below(3) ? "sn" : "description", sn, first ? "axsyncAlias" : NULL, first,
            second ? "axsyncAlias" : NULL, second, NULL);
    there[i] = true;
    told[i] = false;
}

static void tell_now(int i)
{
    if (!connected)
        return;
    if (there[i])
        tell(many(i));
    else
        tell_gone(many(i));
    told[i] = true;
}

static void change(int i)
{
    switch (below(6)) {
    case 0:
        if (there[i]) {
            dir_remove(many(i));
            there[i] = false;
            told[i] = false;
            tell_now(i);
        }
        break;
    case 1:
    case 2:
        if (there[i])
            address[i] = some_address();
        /* fall through */
    default:
        if (!there[i])
            address[i] = some_address();
        put(i);
        tell_now(i);
    }
}

/* Two or more exchange their addresses: the directory allows it in two steps, or while we do not look. */
static void turn(int n)
{
    int of[4], first = (int)below(PEOPLE), given;

    for (int i = 0; i < n; i++) {
        of[i] = (first + i * 5) % PEOPLE;   /* all of them are different */
        if (!there[of[i]])
            return;
    }
    given = address[of[0]];
    for (int i = 0; i < n; i++) {
        address[of[i]] = i + 1 < n ? address[of[i + 1]] : given;
        put(of[i]);
    }
    for (int i = 0; i < n; i++)
        tell_now(of[i]);
    if (crowded && below(2)) {   /* and a third wants one of them */
        int third = (int)below(PEOPLE);

        address[third] = address[of[below((unsigned)n)]];
        put(third);
        tell_now(third);
    }
}

static void refresh(void)
{
    bool cookie = below(2) && cookie_stored()[0];

    if (connected)
        lost();
    session(cookie);
    for (int i = 0; i < PEOPLE; i++) {
        if (there[i] && (!cookie || !told[i]))
            tell(many(i));
        else if (there[i])
            tell_present(many(i));
        if (below(40) == 0) {   /* breaks off */
            lost();
            connected = false;
            return;
        }
    }
    done_present();
    connected = true;
    for (int i = 0; i < PEOPLE; i++)
        told[i] = true;
}

static void forget_told(void)
{
    connected = false;
    for (int i = 0; i < PEOPLE; i++)
        told[i] = false;   /* what was not committed is told again; more often does no harm */
}

static void kill_it(void)
{
    scene_reopen();
    forget_told();
}

static void answer_somehow(void)
{
    if (asked() == 0)
        return;
    if (below(4) == 0)
        answer_as(LOOKUP_UNPROVEN);
    else if (below(4) == 0)
        answer_from_behind();
    else
        answer();
}

/* A hold that is open; 0: none. */
static uint32_t some_hold(enum guard_kind kind, uint32_t *joined)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    struct hold h;
    uint32_t id = 0, found = 0;

    while (found == 0 && hold_next(t, &id, &h, &a))
        if (!h.rejected && h.of.kind == kind) {
            found = h.id;
            *joined = h.joined;
        }
    txn_abort(&t);
    arena_free(&a);
    return found;
}

/* The operator says something of a part of the renames that are held, or sets another limit. */
static void operate(void)
{
    uint32_t joined, id = some_hold(GUARD_ACCOUNT_RENAME, &joined);

    if (id == 0)
        conf.guard.max_deletes = (int)below(4);
    else if (below(3))
        approve(id, 1 + below(joined));
    else
        reject(id, 1 + below(joined));
}

static void do_something(void)
{
    if (crowded && below(10) == 0) {
        operate();
        return;
    }
    switch (below(12)) {
    case 0:
        if (below(2))
            kill_it();
        else
            scene_fail_commit(true);
        break;
    case 1:
        refresh();
        break;
    case 2:
        turn(2 + (int)below(3));
        break;
    case 3:
    case 4:
        answer_somehow();
        break;
    case 5:
    case 6:
        pass_s(below(200));
        break;
    default:
        change((int)below(PEOPLE));
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

/* What two entries were seen to have lost at once is held, rightly. */
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

/* Until nothing happens any more. */
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

static bool wishes_alias(int i, struct slice alias)
{
    for (unsigned bit = 0; bit < 2 * ALIASES; bit++)
        if (wishes[i] & (1u << bit) && slice_eq(alias, slice_of(alias_of(bit))))
            return true;
    return false;
}

static bool is_mail(int i, struct slice text)
{
    return slice_eq(text, slice_of(address_of(address[i])));
}

/* Somebody else has it, and by right: his entry names it, or it is the address that he has until his own is free. */
static void expect_taken(struct txn *t, int by_another_than, struct slice text)
{
    uint8_t uuid[UUID_BYTES], owner[UUID_BYTES];
    struct arena a = { 0 };
    struct object o;
    bool alias;

    cr_assert(objects_owner(t, text, owner, &alias) != 0, "%.*s is nobody's, and %s waits for it", SLICE_ARG(text),
              many(by_another_than));
    for (int i = 0; i < PEOPLE; i++) {
        uuid_of(many(i), uuid);
        if (memcmp(owner, uuid, UUID_BYTES) != 0)
            continue;
        cr_assert(i != by_another_than && there[i]);
        cr_assert(alias ? wishes_alias(i, text) : is_mail(i, text) || want_get(t, uuid, &o, &a), "%.*s is none of %s's",
                  SLICE_ARG(text), many(i));
    }
    arena_free(&a);
}

static void compare_aliases(struct txn *t, int i, const struct object *o)
{
    for (uint32_t k = 0; k < o->n_aliases; k++)
        cr_assert(wishes_alias(i, o->aliases[k]), "%s has the alias %.*s", many(i), SLICE_ARG(o->aliases[k]));
    for (unsigned bit = 0; bit < 2 * ALIASES; bit++) {
        struct slice alias = slice_of(alias_of(bit));

        if (!(wishes[i] & (1u << bit)) || is_mail(i, alias) || slice_eq(o->address, alias))
            continue;
        cr_assert(mirror_has_alias(o, alias) != alias_want_has(t, o->uuid, alias), "%s and the alias %.*s", many(i), SLICE_ARG(alias));
        if (!mirror_has_alias(o, alias))
            expect_taken(t, i, alias);
    }
}

/* However it came to that, to wait for each other's address is no reason to wait. */
static void expect_no_ring(struct txn *t, int i)
{
    uint8_t first[UUID_BYTES], at[UUID_BYTES];
    struct arena a = { 0 };
    struct object wanted;
    bool alias = false;

    uuid_of(many(i), first);
    memcpy(at, first, UUID_BYTES);
    for (int steps = 0; steps < PEOPLE && want_get(t, at, &wanted, &a) && !alias; steps++) {
        if (objects_owner(t, wanted.address, at, &alias) == 0)
            break;
        cr_assert(alias || memcmp(at, first, UUID_BYTES) != 0, "%s is of a ring", many(i));
    }
    arena_free(&a);
}

/* What clashes must clash: nobody waits for what is free, or for what its owner should not have. */
static void compare_clashes(void)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    struct object o, wanted;
    uint8_t uuid[UUID_BYTES];

    for (int i = 0; i < PEOPLE; i++) {
        bool mirrored, waits;

        uuid_of(many(i), uuid);
        mirrored = objects_get(t, uuid, &o, &a) != 0;
        waits = want_get(t, uuid, &wanted, &a);
        cr_assert_eq(mirrored || waits, there[i], "%s", many(i));
        if (waits)
            expect_taken(t, i, wanted.address);
        if (mirrored) {
            cr_assert(waits || is_mail(i, o.address), "%s is %.*s", many(i), SLICE_ARG(o.address));
            cr_assert(!slice_has_prefix(o.address, slice_of("axsync-")), "%s is left at %.*s", many(i), SLICE_ARG(o.address));
            expect_no_ring(t, i);
            compare_aliases(t, i, &o);
        }
    }
    cr_assert_eq(txn_count(t, TABLE_PENDING), (uint64_t)pending_count(mirror->store, PENDING_BLOCKED));
    arena_free(&a);
    txn_abort(&t);
}

static void compare(void)
{
    struct arena a = { 0 };
    struct object o;
    struct txn *t = txn_begin(mirror->store->db, DB_READ);

    for (int i = 0; i < PEOPLE; i++) {
        uint8_t uuid[UUID_BYTES];
        const char *mail = address_of(address[i]);

        uuid_of(many(i), uuid);
        cr_assert_eq(objects_get(t, uuid, &o, &a) != 0, there[i], "%s", many(i));
        if (there[i])
            cr_assert(slice_eq(o.address, slice_of(mail)), "%s is %.*s, not %s", many(i), SLICE_ARG(o.address), mail);
        if (there[i])
            compare_aliases(t, i, &o);
    }
    cr_assert_eq(txn_count(t, TABLE_PENDING), 0u);
    cr_assert_eq(txn_count(t, TABLE_WANT), 0u);
    arena_free(&a);
    txn_abort(&t);
}

Test(storm, ends_in_calm)
{
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            step();
        settle();
        compare();
        expect_any();
    }
}

/* Aliases that are addresses of others: conflicts stay, and only those. */
Test(storm, ends_with_conflicts_that_are_some)
{
    clashes = true;
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            step();
        settle();
        compare_clashes();
        expect_any();
    }
}

/* Addresses that others have or claim too, swaps of which a third wants a part, and renames that are held: nobody ends without a working
 * address, and who waits does so for one that is really somebody's. */
Test(storm, ends_with_everybody_at_an_address)
{
    clashes = crowded = true;
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            step();
        settle();
        compare_clashes();
        expect_any();
    }
}
