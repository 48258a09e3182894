#include <criterion/criterion.h>
#include <stdlib.h>

#include "listener.h"

/* The parents of what a look-up does not find: a lost right looks like a deletion, but for the parent. */

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define STAFF "ou=staff\\2C all," PEOPLE
#define READER "cn=reader," SUFFIX
#define PERSON(uid) "objectClass: inetOrgPerson\nuid: " uid "\ncn: " uid "\nsn: " uid "\nmail: " uid "@example.com\n"
#define ANN "uid=ann," STAFF
#define BOB "uid=bob," PEOPLE

static struct slapdtest *server;
static struct listener l;
static uint8_t uuids[3 * UUID_BYTES];   /* ann, bob, cat */

static void ok(int rc)
{
    cr_assert_eq(rc, 0, "%s", slapdtest_error(server));
}

static void take_uuid(const char *dn, uint8_t *uuid)
{
    char *text = slapdtest_entry_uuid(server, dn);

    cr_assert(uuid_parse(slice_of(text), uuid), "%s", slapdtest_error(server));
    free(text);
}

/* Ann and cat are staff, bob is not; the reader sees what `access` lets him. */
static void begin(const char *const *access)
{
    server = slapdtest_run(NULL);
    cr_assert_not_null(server);
    ok(slapdtest_add_people(server, 0, 1));
    ok(slapdtest_add(server, STAFF, "objectClass: organizationalUnit\nou: staff, all\n"));
    ok(slapdtest_add(server, READER, "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
                                     "userPassword: secret\n"));
    ok(slapdtest_add(server, ANN, PERSON("ann")));
    ok(slapdtest_add(server, BOB, PERSON("bob")));
    ok(slapdtest_add(server, "uid=cat," STAFF, PERSON("cat")));
    take_uuid(ANN, uuids);
    take_uuid(BOB, uuids + 16);
    take_uuid("uid=cat," STAFF, uuids + 32);
    if (access)
        ok(slapdtest_set_access(server, access));
    listener_init(&l, server);
    l.specs[0].base = (char *)PEOPLE;
    l.settings.conn.bind_dn = (char *)READER;
}

static void end(void)
{
    listener_free(&l);
    slapdtest_free(&server);
}

/* The answer about each, in their order. */
static void look_up(const struct slice *dns, size_t n, struct sync_msg **answers)
{
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, dns, n);
    listener_expect(&l, SYNC_CONTEXT);
    for (size_t i = 0; i < n; i++) {
        struct sync_msg *m = listener_expect(&l, SYNC_LOOKUP);
        size_t k = 0;

        while (k < n && memcmp(uuids + k * UUID_BYTES, m->entry->uuid, UUID_BYTES) != 0)
            k++;
        cr_assert_lt(k, n);
        answers[k] = m;
    }
}

static void assert_unreadable(const struct sync_msg *m, const char *parent)
{
    cr_assert_eq(m->outcome, LOOKUP_DELETED);
    cr_assert(m->parent_unreadable);
    cr_assert(has_text(m->text, parent), "%s", text_of(m->text));
    cr_assert(has_text(m->text, "can't be read"), "%s", text_of(m->text));
}

static void assert_deleted(const struct sync_msg *m)
{
    cr_assert_eq(m->outcome, LOOKUP_DELETED);
    cr_assert_not(m->parent_unreadable);
}

Test(probe, branch_that_became_invisible)
{
    static const char *const access[] = { "to dn.subtree=\"ou=staff\\2C all,ou=people,dc=example,dc=com\" by * none",
                                          "to * by * read", NULL };
    const struct slice dns[] = { slice_of(ANN), slice_of(BOB), slice_of("uid=cat," STAFF) };
    struct sync_msg *answers[3];

    begin(access);
    ok(slapdtest_delete(server, BOB));
    look_up(dns, 3, answers);
    assert_unreadable(answers[0], "ou=staff\\2C all,ou=people,dc=example,dc=com");
    assert_deleted(answers[1]);
    assert_unreadable(answers[2], "ou=staff\\2C all,ou=people,dc=example,dc=com");
    cr_assert_eq(listener_expect(&l, SYNC_PROBE_END)->rc, 0);
    end();
}

/* Its attributes are hidden, so that no filter fits: success, without an entry. */
Test(probe, parent_that_no_filter_finds)
{
    static const char *const access[] = { "to dn.exact=\"ou=staff\\2C all,ou=people,dc=example,dc=com\" attrs=objectClass by * none",
                                          "to * by * read", NULL };
    const struct slice dns[] = { slice_of(ANN) };
    struct sync_msg *answers[1];

    begin(access);
    ok(slapdtest_delete(server, ANN));
    look_up(dns, 1, answers);
    assert_unreadable(answers[0], "ou=staff");
    end();
}

Test(probe, parent_that_was_deleted_too)
{
    const struct slice dns[] = { slice_of(ANN) };
    struct sync_msg *answers[1];

    begin(NULL);
    ok(slapdtest_delete(server, "uid=cat," STAFF));
    ok(slapdtest_delete(server, ANN));
    ok(slapdtest_delete(server, STAFF));
    look_up(dns, 1, answers);
    assert_unreadable(answers[0], "ou=staff");
    end();
}

Test(probe, search_base_that_cannot_be_read)
{
    static const char *const access[] = { "to dn.exact=\"ou=people,dc=example,dc=com\" by * none", "to * by * read", NULL };
    const struct slice dns[] = { slice_of(ANN), slice_of(BOB) };
    struct sync_msg *answers[2];

    begin(access);
    ok(slapdtest_delete(server, ANN));
    ok(slapdtest_delete(server, BOB));
    look_up(dns, 2, answers);
    cr_assert_eq(answers[0]->outcome, LOOKUP_UNPROVEN, "where it should be can't be searched");
    cr_assert_eq(answers[1]->outcome, LOOKUP_UNPROVEN);
    end();
}

Test(probe, parents_that_need_no_reading)
{
    const struct slice dns[] = { { NULL, 0 }, slice_of("dc=com"), slice_of("this is no dn") };
    struct sync_msg *answers[3];

    begin(NULL);
    ok(slapdtest_delete(server, ANN));
    ok(slapdtest_delete(server, BOB));
    ok(slapdtest_delete(server, "uid=cat," STAFF));
    look_up(dns, 3, answers);
    for (size_t i = 0; i < 3; i++)
        assert_deleted(answers[i]);
    cr_assert_eq(listener_expect(&l, SYNC_PROBE_END)->rc, 0);
    end();
}

Test(probe, parent_of_many_is_read_once)
{
    static const char *const access[] = { "to dn.subtree=\"ou=staff\\2C all,ou=people,dc=example,dc=com\" by * none",
                                          "to * by * read", NULL };
    size_t n = PROBE_LIST_FROM + 10;
    uint8_t *many = mem_alloc(n * UUID_BYTES);
    struct slice *dns = mem_alloc(n * sizeof(*dns));

    begin(access);
    for (size_t i = 0; i < n; i++) {
        memcpy(many + i * UUID_BYTES, &i, sizeof(i));
        dns[i] = i % 2 ? slice_of("cn=x," STAFF) : slice_of("cn=x," PEOPLE);
    }
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, many, dns, n);
    listener_expect(&l, SYNC_CONTEXT);
    for (size_t i = 0; i < n; i++) {
        struct sync_msg *m = listener_expect(&l, SYNC_LOOKUP);
        size_t k;

        memcpy(&k, m->entry->uuid, sizeof(k));
        cr_assert_eq(m->outcome, LOOKUP_DELETED);
        cr_assert_eq(m->parent_unreadable, k % 2 == 1);
    }
    cr_assert_eq(listener_expect(&l, SYNC_PROBE_END)->rc, 0);
    free(many);
    free(dns);
    end();
}
