#include <criterion/criterion.h>
#include <stdlib.h>

#include "clock.h"
#include "listener.h"

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define GONE "uid=gone," PEOPLE
#define READER "cn=reader," SUFFIX
#define PERSON(uid) "objectClass: inetOrgPerson\nuid: " uid "\ncn: " uid "\nsn: " uid "\nmail: " uid "@example.com\n"

static struct slapdtest *server;
static struct listener l;

static void ok(int rc)
{
    cr_assert_eq(rc, 0, "%s", slapdtest_error(server));
}

/* Persons, of whom those with employeeType count; the search is below ou=people. */
static void begin(const struct slapdtest_options *options, size_t n)
{
    server = slapdtest_run(options);
    cr_assert_not_null(server);
    ok(slapdtest_add_people(server, n, 1));
    ok(slapdtest_add(server, "ou=elsewhere," SUFFIX, "objectClass: organizationalUnit\nou: elsewhere\n"));
    ok(slapdtest_add(server, READER, "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
                                     "userPassword: secret\n"));
    listener_init(&l, server);
    l.specs[0].base = (char *)"OU=People, dc=Example,DC=com";
    l.specs[0].filter = (char *)"(&(objectClass=inetOrgPerson)(!(employeeType=none)))";
}

static void end(void)
{
    listener_free(&l);
    slapdtest_free(&server);
}

static void take_uuid(const char *dn, uint8_t *uuid)
{
    char *text = slapdtest_entry_uuid(server, dn);

    cr_assert(uuid_parse(slice_of(text), uuid), "%s", slapdtest_error(server));
    free(text);
}

/* UUIDs of n people, in place. */
static uint8_t *people(size_t n)
{
    uint8_t *uuids = mem_alloc(n * UUID_BYTES);

    for (size_t i = 0; i < n; i++) {
        char *dn = slapdtest_person_dn(NULL, i + 1);

        take_uuid(dn, uuids + i * UUID_BYTES);
        free(dn);
    }
    return uuids;
}

static struct sync_msg *expect_context(uint32_t token)
{
    struct sync_msg *m = listener_expect(&l, SYNC_CONTEXT);
    char *csns = slapdtest_context_csn(server);

    cr_assert_eq(m->token, token);
    cr_assert_eq(m->n_csns, 1);
    cr_assert_str_eq(m->csns[0].p, csns);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(server));
    free(csns);
    return m;
}

static struct sync_msg *expect_end(uint32_t token, int rc)
{
    struct sync_msg *m = listener_expect(&l, SYNC_PROBE_END);

    cr_assert_eq(m->token, token);
    cr_assert_eq(m->rc, rc, "%d: %s", m->rc, text_of(m->text));
    return m;
}

/* The outcomes of a look-up, in the order in which they were asked for. */
static void collect(const uint8_t *uuids, size_t n, enum lookup_outcome *outcomes)
{
    for (size_t i = 0; i < n; i++) {
        struct sync_msg *m = listener_expect(&l, SYNC_LOOKUP);
        size_t k = 0;

        while (k < n && memcmp(uuids + k * UUID_BYTES, m->entry->uuid, UUID_BYTES) != 0)
            k++;
        cr_assert_lt(k, n, "nobody asked for this one");
        outcomes[k] = m->outcome;
    }
}

Test(probe, every_outcome)
{
    enum lookup_outcome outcomes[4];
    struct sync_msg *m;
    uint8_t uuids[4 * UUID_BYTES];

    begin(NULL, 3);
    ok(slapdtest_add(server, GONE, PERSON("gone")));
    take_uuid("uid=user000001," PEOPLE, uuids);
    take_uuid("uid=user000002," PEOPLE, uuids + 16);
    take_uuid("uid=user000003," PEOPLE, uuids + 32);
    take_uuid(GONE, uuids + 48);
    ok(slapdtest_replace(server, "uid=user000002," PEOPLE, "employeeType", "none"));
    ok(slapdtest_rename(server, "uid=user000003," PEOPLE, "uid=user000003", "ou=elsewhere," SUFFIX));
    ok(slapdtest_delete(server, GONE));
    listener_start_probe(&l);
    probe_lookup(l.probe, 7, 0, 0, uuids, NULL, 4);
    expect_context(7);
    collect(uuids, 4, outcomes);
    cr_assert_eq(outcomes[0], LOOKUP_IN_PLACE);
    cr_assert_eq(outcomes[1], LOOKUP_LEFT);
    cr_assert_eq(outcomes[2], LOOKUP_LEFT);
    cr_assert_eq(outcomes[3], LOOKUP_DELETED);
    expect_end(7, 0);
    probe_lookup(l.probe, 8, 0, 0, uuids, NULL, 1);
    expect_context(8);
    m = listener_expect(&l, SYNC_LOOKUP);
    cr_assert_str_eq(m->entry->dn.p, "uid=user000001," PEOPLE);
    cr_assert_str_eq(value(m, "mail"), "user000001@example.com", "the whole entry");
    expect_end(8, 0);
    probe_lookup(l.probe, 9, 0, 0, uuids + 32, NULL, 1);
    expect_context(9);
    m = listener_expect(&l, SYNC_LOOKUP);
    cr_assert_str_eq(m->entry->dn.p, "uid=user000003,ou=elsewhere," SUFFIX);
    cr_assert_gt(entry_stamp(m->entry).len, 0);
    expect_end(9, 0);
    end();
}

Test(probe, more_than_one_filter_holds)
{
    size_t n = 150;
    enum lookup_outcome outcomes[150];
    uint8_t *uuids;

    begin(&(struct slapdtest_options){ .dbnosync = true }, n);
    uuids = people(n);
    ok(slapdtest_delete(server, "uid=user000077," PEOPLE));
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, n);
    expect_context(1);
    collect(uuids, n, outcomes);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(outcomes[i], i == 76 ? LOOKUP_DELETED : LOOKUP_IN_PLACE);
    expect_end(1, 0);
    free(uuids);
    end();
}

Test(probe, so_many_that_all_is_listed)
{
    size_t n = PROBE_LIST_FROM + 10, in_place = 0, left = 0, deleted = 0;
    uint8_t *uuids = mem_alloc(n * UUID_BYTES), *known;

    begin(&(struct slapdtest_options){ .dbnosync = true }, 20);
    known = people(20);
    ok(slapdtest_replace(server, "uid=user000005," PEOPLE, "employeeType", "none"));
    memcpy(uuids, known, 20 * UUID_BYTES);
    for (size_t i = 20; i < n; i++)
        memcpy(uuids + i * UUID_BYTES, &i, sizeof(i));
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, n);
    expect_context(1);
    for (size_t i = 0; i < n; i++) {
        struct sync_msg *m = listener_expect(&l, SYNC_LOOKUP);

        in_place += m->outcome == LOOKUP_IN_PLACE;
        left += m->outcome == LOOKUP_LEFT;
        deleted += m->outcome == LOOKUP_DELETED;
    }
    cr_assert_eq(in_place, 19);
    cr_assert_eq(left, 1);
    cr_assert_eq(deleted, n - 20);
    expect_end(1, 0);
    free(uuids);
    free(known);
    end();
}

Test(probe, nothing_asked)
{
    begin(NULL, 1);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, NULL, NULL, 0);
    expect_context(1);
    expect_end(1, 0);
    end();
}

/* All are unproven, and the end says why. */
static void assert_unproven(const uint8_t *uuids, size_t n, int rc, const char *words)
{
    enum lookup_outcome *outcomes = mem_alloc(n * sizeof(*outcomes));
    struct sync_msg *m;

    collect(uuids, n, outcomes);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(outcomes[i], LOOKUP_UNPROVEN);
    m = expect_end(1, rc);
    cr_assert(has_text(m->text, words), "%s", text_of(m->text));
    free(outcomes);
}

Test(probe, server_is_down)
{
    uint8_t *uuids;

    begin(NULL, 3);
    uuids = people(3);
    ok(slapdtest_stop(server));
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 3);
    assert_unproven(uuids, 3, LDAP_SERVER_DOWN, "is the server running");
    free(uuids);
    end();
}

Test(probe, server_came_back_on_an_idle_connection)
{
    uint8_t *uuids;

    begin(NULL, 1);
    uuids = people(1);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 1);
    listener_await(&l, SYNC_PROBE_END);
    ok(slapdtest_restart(server));
    probe_lookup(l.probe, 2, 0, 0, uuids, NULL, 1);
    expect_context(2);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_IN_PLACE);
    expect_end(2, 0);
    free(uuids);
    end();
}

/* As the reader, under that access control. */
static void begin_as_reader(const char *const *access, size_t n)
{
    begin(&(struct slapdtest_options){ .access = access }, n);
    l.settings.conn.bind_dn = (char *)READER;
}

Test(probe, entryuuid_may_not_be_read)
{
    static const char *const access[] = { "to attrs=entryUUID by * none", "to * by * read", NULL };
    uint8_t *uuids;

    begin_as_reader(access, 2);
    uuids = people(2);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 2);
    expect_context(1);
    assert_unproven(uuids, 2, LDAP_NO_SUCH_ATTRIBUTE, "read and search entryUUID");
    free(uuids);
    end();
}

Test(probe, entryuuid_may_be_read_and_not_searched)
{
    static const char *const access[] = { "to attrs=entryUUID by * =rd", "to * by * read", NULL };
    uint8_t *uuids;

    begin_as_reader(access, 2);
    uuids = people(2);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 2);
    expect_context(1);
    assert_unproven(uuids, 2, LDAP_INSUFFICIENT_ACCESS, "does not even find the base");
    free(uuids);
    end();
}

Test(probe, naming_context_is_hidden)
{
    static const char *const access[] = { "to dn.exact=\"dc=example,dc=com\" attrs=entry,entryUUID by * none", "to * by * read", NULL };
    struct sync_msg *m;
    uint8_t uuids[2 * UUID_BYTES];

    begin_as_reader(access, 1);
    take_uuid("uid=user000001," PEOPLE, uuids);
    memset(uuids + 16, 7, 16);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 2);
    m = listener_expect(&l, SYNC_CONTEXT);
    cr_assert_eq(m->n_csns, 0);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_IN_PLACE);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_UNPROVEN, "the whole context can't be searched");
    listener_expect(&l, SYNC_PROBE_END);
    end();
}

Test(probe, context_csn_is_hidden)
{
    static const char *const access[] = { "to attrs=contextCSN by * none", "to * by * read", NULL };
    uint8_t *uuids;

    begin_as_reader(access, 1);
    uuids = people(1);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 1);
    cr_assert_eq(listener_expect(&l, SYNC_CONTEXT)->n_csns, 0);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_IN_PLACE);
    expect_end(1, 0);
    free(uuids);
    end();
}

Test(probe, referral_objects_hide_nothing)
{
    uint8_t uuid[UUID_BYTES] = { 1 };

    begin(NULL, 1);
    ok(slapdtest_ldif(server, "dn: cn=ref," SUFFIX "\nobjectClass: referral\nobjectClass: extensibleObject\ncn: ref\n"
                              "ref: ldap://127.0.0.1:1/dc=other\n"));
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuid, NULL, 1);
    expect_context(1);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_DELETED);
    expect_end(1, 0);
    end();
}

Test(probe, base_in_no_naming_context)
{
    uint8_t uuid[UUID_BYTES] = { 1 };

    begin(NULL, 1);
    l.specs[0].base = (char *)"dc=nowhere";
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuid, NULL, 1);
    cr_assert_eq(listener_expect(&l, SYNC_CONTEXT)->n_csns, 0);
    cr_assert_eq(listener_expect(&l, SYNC_LOOKUP)->outcome, LOOKUP_UNPROVEN);
    cr_assert_neq(listener_expect(&l, SYNC_PROBE_END)->rc, 0);
    end();
}

Test(probe, size_limit)
{
    static const char *const limits[] = { "dn.exact=\"cn=reader,dc=example,dc=com\" size=1", NULL };
    uint8_t *uuids;
    size_t unproven = 0;

    begin(&(struct slapdtest_options){ .limits = limits }, 5);
    l.settings.conn.bind_dn = (char *)READER;
    uuids = people(5);
    listener_start_probe(&l);
    probe_lookup(l.probe, 1, 0, 0, uuids, NULL, 5);
    expect_context(1);
    for (size_t i = 0; i < 5; i++)
        unproven += listener_expect(&l, SYNC_LOOKUP)->outcome == LOOKUP_UNPROVEN;
    cr_assert_eq(unproven, 4);
    cr_assert(has_text(expect_end(1, LDAP_SIZELIMIT_EXCEEDED)->text, "olcLimits"));
    free(uuids);
    end();
}

/* ---- Listing ---- */

Test(probe, listing)
{
    struct sync_msg *m;
    uint8_t uuid[UUID_BYTES];
    size_t n = 0;

    begin(&(struct slapdtest_options){ .dbnosync = true }, 300);
    take_uuid("uid=user000001," PEOPLE, uuid);
    listener_start_probe(&l);
    probe_list(l.probe, 5, 0, 0);
    expect_context(5);
    while ((m = listener_next(&l))->type == SYNC_LISTED) {
        if (n++ == 0) {
            cr_assert_arr_eq(m->entry->uuid, uuid, UUID_BYTES);
            cr_assert_str_eq(m->entry->dn.p, "uid=user000001," PEOPLE);
        }
        cr_assert_eq(entry_stamp(m->entry).len, 40);
        cr_assert_eq(m->token, 5);
    }
    cr_assert_eq(n, 300);
    cr_assert_eq(m->type, SYNC_PROBE_END);
    cr_assert_eq(m->rc, 0);
    for (struct sync_batch *b = l.first; b; b = b->next)
        cr_assert_lt(b->arena.used, 2 * SYNC_BATCH_BYTES, "memory is bounded");
    end();
}

/* With their content, and those of a subtree only. */
Test(probe, reading_a_subtree)
{
    struct sync_msg *m;
    size_t n = 0;

    begin(&(struct slapdtest_options){ .dbnosync = true }, 3);
    ok(slapdtest_add(server, "ou=sub," PEOPLE, "objectClass: organizationalUnit\nou: sub\n"));
    ok(slapdtest_rename(server, "uid=user000002," PEOPLE, "uid=user000002", "ou=sub," PEOPLE));
    listener_start_probe(&l);
    probe_read(l.probe, 5, 0, 0, "ou=sub," PEOPLE);
    expect_context(5);
    while ((m = listener_next(&l))->type == SYNC_LISTED) {
        n++;
        cr_assert_str_eq(m->entry->dn.p, "uid=user000002,ou=sub," PEOPLE);
        cr_assert_not_null(entry_attr(m->entry, "mail"));
    }
    cr_assert_eq(n, 1);
    cr_assert_eq(m->rc, 0);
    probe_read(l.probe, 6, 0, 0, "ou=nowhere," PEOPLE);
    expect_context(6);
    expect_end(6, LDAP_NO_SUCH_OBJECT);
    end();
}

Test(probe, listing_without_uuids_is_none)
{
    static const char *const access[] = { "to attrs=entryUUID by * none", "to * by * read", NULL };

    begin_as_reader(access, 3);
    listener_start_probe(&l);
    probe_list(l.probe, 5, 0, 0);
    expect_context(5);
    cr_assert(has_text(expect_end(5, LDAP_NO_SUCH_ATTRIBUTE)->text, "entryUUID"));
    end();
}

/* ---- Watchdog ---- */

Test(probe, watchdog)
{
    struct sync_msg *m;

    begin(NULL, 1);
    l.settings.conn.timeout_s = 1;
    l.probe_settings.watchdog_s = 1;
    listener_start_probe(&l);
    m = expect_context(0);
    ok(slapdtest_pause(server));
    m = listener_await(&l, SYNC_SILENT);
    cr_assert(has_text(m->text, "in time"), "%s", text_of(m->text));
    ok(slapdtest_continue(server));
    listener_await(&l, SYNC_CONTEXT);
    ok(slapdtest_stop(server));
    m = listener_await(&l, SYNC_SILENT);
    cr_assert(has_text(m->text, "is the server running"), "%s", text_of(m->text));
    end();
}

Test(probe, watchdog_follows_the_server_in_use)
{
    struct slapdtest *other = slapdtest_run(NULL);

    begin(NULL, 1);
    listener_set_uri(&l, 1, slapdtest_uri(other));
    l.settings.conn.n_uris = 2;
    l.probe_settings.watchdog_s = 1;
    listener_start_probe(&l);
    probe_set_uri(l.probe, 1);
    cr_assert_str_eq(text_of(listener_expect(&l, SYNC_CONTEXT)->uri), slapdtest_uri(other));
    end();
    slapdtest_free(&other);
}

/* ---- Stopping ---- */

Test(probe, stop_while_the_server_is_silent)
{
    int64_t begun;

    begin(NULL, 1);
    listener_start_probe(&l);
    probe_list(l.probe, 1, 0, 0);
    listener_await(&l, SYNC_PROBE_END);
    ok(slapdtest_pause(server));
    probe_list(l.probe, 2, 0, 0);
    probe_list(l.probe, 3, 0, 0);
    cr_assert(listener_is_quiet(&l, 300));
    begun = clock_mono_ms();
    cr_assert(probe_stop(&l.probe, 5000));
    cr_assert_lt(clock_mono_ms() - begun, 1000);
    end();
}
