/* Mode search on a real slapd without the overlay: what each poll asks and tells. */
#include <criterion/criterion.h>

#include "listener.h"

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define PERSON(uid) "objectClass: inetOrgPerson\nuid: " uid "\ncn: " uid "\nsn: " uid "\n"

static struct slapdtest *server;
static struct listener l;

static const char *const monitor_module[] = { "back_monitor", NULL };
static const struct slapdtest_options plain = { .dbnosync = true, .no_syncprov = true };
static const struct slapdtest_options monitored = {
    .dbnosync = true, .no_syncprov = true, .modules = monitor_module,
    .extra_ldif = "dn: olcDatabase=monitor,cn=config\nobjectClass: olcMonitorConfig\nolcDatabase: monitor\n\n"
};

static void ok(int rc)
{
    cr_assert_eq(rc, 0, "%s", slapdtest_error(server));
}

/* What a poll has told. */
struct told {
    bool had_cookie;
    size_t content, rows;
    struct sync_msg *end;
};

static struct told take_poll(void)
{
    struct told t = { .content = 0 };
    struct sync_msg *m = listener_expect(&l, SYNC_BEGIN);

    cr_assert(m->poll && m->searched);
    t.had_cookie = m->had_cookie;
    while ((m = listener_next(&l))->type == SYNC_ENTRY) {
        t.content += (m->effect & EFFECT_CONTENT) != 0;
        t.rows += (m->effect & EFFECT_ROW) != 0;
        cr_assert(entry_stamp(m->entry).len > 0);
    }
    cr_assert_eq(m->type, SYNC_DONE);
    t.end = m;
    return t;
}

/* The one that comes next, if all before was stored. */
static struct told next_poll(uint32_t session)
{
    source_drained(l.source, session);
    return take_poll();
}

static struct told begin(const struct slapdtest_options *options, size_t people)
{
    struct told t;

    server = slapdtest_run(options);
    cr_assert_not_null(server);
    ok(slapdtest_add_people(server, people, 1));
    listener_init(&l, server);
    l.settings.mode = SOURCE_SEARCH;
    l.settings.polling_s = 1;
    listener_start(&l);
    t = take_poll();
    cr_assert_not(t.had_cookie);
    cr_assert_eq(t.content, people);
    cr_assert_eq(t.end->effect, EFFECT_END | EFFECT_COMPLETE | EFFECT_ABSENT);
    /* As the writer stores it. */
    pthread_mutex_lock(&l.lock);
    for (size_t i = 0; i < LISTENER_SEARCHES; i++) {
        bool malformed;

        cookie_take(&l.cookies[i], slice_of(SEARCHED_COOKIE), &malformed);
    }
    pthread_mutex_unlock(&l.lock);
    return t;
}

static void end(void)
{
    listener_stop(&l);
    listener_free(&l);
    slapdtest_free(&server);
}

Test(search, reads_all_then_lists_then_what_changed)
{
    struct told t = begin(&plain, 30);

    t = next_poll(t.end->session);
    cr_assert(t.had_cookie);
    cr_assert_eq(t.rows, 30u);
    ok(slapdtest_replace(server, "uid=user000003," PEOPLE, "title", "Chief"));
    ok(slapdtest_add(server, "uid=new," PEOPLE, PERSON("new")));
    do
        t = next_poll(t.end->session);
    while (t.rows < 31);
    cr_assert_geq(t.content, 2u);
    cr_assert_eq(t.end->effect, EFFECT_END | EFFECT_COMPLETE | EFFECT_ABSENT);
    end();
}

/* More than a page of them. */
Test(search, in_pages)
{
    struct told t = begin(&(struct slapdtest_options){ .dbnosync = true, .no_syncprov = true }, 1201);

    t = next_poll(t.end->session);
    cr_assert_eq(t.rows, 1201u);
    end();
}

/* slapd counts deletions: while it has made none and no stamp is new, there is nothing to list. */
Test(search, lists_nothing_while_nothing_happens)
{
    struct told t = begin(&monitored, 5);

    for (int i = 0; i < 3 || t.rows > 0; i++) {   /* until what was added before the first poll is no news any more */
        cr_assert_lt(i, 10, "it lists again and again");
        t = next_poll(t.end->session);
    }
    cr_assert_eq(t.content, 0u);
    cr_assert_eq(t.end->effect, EFFECT_END | EFFECT_COMPLETE);
    ok(slapdtest_delete(server, "uid=user000001," PEOPLE));
    t = next_poll(t.end->session);
    cr_assert_eq(t.rows, 4u);
    cr_assert_eq(t.end->effect, EFFECT_END | EFFECT_COMPLETE | EFFECT_ABSENT);
    t = next_poll(t.end->session);
    cr_assert_eq(t.rows, 0u);
    end();
}

/* Who leaves shows outside of the search only. */
Test(search, lists_when_something_else_changes)
{
    struct told t = begin(&monitored, 3);

    ok(slapdtest_add(server, "ou=away," SUFFIX, "objectClass: organizationalUnit\nou: away\n"));
    for (int i = 0; i < 3 || t.rows > 0; i++)
        t = next_poll(t.end->session);
    ok(slapdtest_rename(server, "ou=away," SUFFIX, "ou=gone", NULL));
    t = next_poll(t.end->session);
    cr_assert_eq(t.rows, 3u);
    end();
}

Test(search, that_fails_says_so_and_is_tried_again)
{
    struct told t = begin(&plain, 3);

    ok(slapdtest_config(server, "dn: " SLAPDTEST_DATABASE_DN "\nchangetype: modify\nreplace: olcLimits\n"
                                "olcLimits: dn.exact=\"cn=reader," SUFFIX "\" size=2\n\n"));
    ok(slapdtest_add(server, "cn=reader," SUFFIX, "objectClass: person\ncn: reader\nsn: reader\nuserPassword: pw\n"));
    listener_stop(&l);
    l.settings.conn.bind_dn = (char *)"cn=reader," SUFFIX;
    l.settings.conn.bind_pass = (char *)"pw";
    listener_start(&l);
    t = take_poll();
    cr_assert_eq(t.end->rc, LDAP_SIZELIMIT_EXCEEDED);
    cr_assert_eq(t.end->effect, EFFECT_END);
    cr_assert(has_text(t.end->text, "limit"), "%s", text_of(t.end->text));
    listener_await_phase(&l, SOURCE_ERROR);
    ok(slapdtest_config(server, "dn: " SLAPDTEST_DATABASE_DN "\nchangetype: modify\nreplace: olcLimits\n"
                                "olcLimits: dn.exact=\"cn=reader," SUFFIX "\" size=unlimited\n\n"));
    do
        t = take_poll();
    while (t.end->rc != 0);
    cr_assert_eq(t.rows, 3u);
    end();
}

Test(search, entry_uuid_that_cannot_be_read)
{
    static const char *const access[] = { "to attrs=entryUUID by * none", "to * by * read", NULL };
    struct told t = begin(&plain, 3);

    ok(slapdtest_set_access(server, access));
    listener_stop(&l);
    l.settings.conn.bind_dn = l.settings.conn.bind_pass = NULL;
    listener_start(&l);
    t = take_poll();
    cr_assert_neq(t.end->rc, 0);
    cr_assert(has_text(t.end->text, "entryUUID"), "%s", text_of(t.end->text));
    end();
}
