#include <criterion/criterion.h>
#include <stdlib.h>

#include "clock.h"
#include "listener.h"

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define PERSON(uid) "objectClass: inetOrgPerson\nuid: " uid "\ncn: " uid "\nsn: " uid "\nmail: " uid "@example.com\n"

static struct slapdtest *server;
static struct listener l;

/* A server with n people, and a listener that is not started yet. */
static void begin(const struct slapdtest_options *options, size_t n)
{
    server = slapdtest_run(options);
    cr_assert_not_null(server);
    cr_assert_eq(slapdtest_add_people(server, n, 1), 0, "%s", slapdtest_error(server));
    listener_init(&l, server);
}

static void end(void)
{
    listener_free(&l);
    slapdtest_free(&server);
}

static void ok(int rc)
{
    cr_assert_eq(rc, 0, "%s", slapdtest_error(server));
}

static void assert_cookie_is_current(unsigned search)
{
    char *csns = slapdtest_context_csn(server);
    struct buf b = { 0 };

    csn_set_format(&l.cookies[search].csns, &b);
    cr_assert_str_eq(buf_str(&b), csns);
    buf_free(&b);
    free(csns);
}

/* A refresh of so many entries, all as adds; gives its end. */
static struct sync_msg *await_refresh(size_t entries)
{
    struct sync_msg *m;

    for (size_t i = 0; i < entries; i++) {
        m = listener_expect(&l, SYNC_ENTRY);
        cr_assert_eq(m->state, SYNC_STATE_ADD);
        cr_assert_eq(m->effect, EFFECT_CONTENT | EFFECT_PRESENT);
    }
    m = listener_next(&l);
    cr_assert(m->effect & EFFECT_COMPLETE, "type %d", m->type);
    return m;
}

Test(source, first_refresh)
{
    struct sync_msg *m;
    char *uuid;
    char text[UUID_TEXT];

    begin(NULL, 3);
    listener_start(&l);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_not(m->had_cookie);
    cr_assert_eq(m->session, 1);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(server));
    m = listener_expect(&l, SYNC_ENTRY);
    uuid = slapdtest_entry_uuid(server, m->entry->dn.p);
    cr_assert_str_eq(uuid_format(m->entry->uuid, text), uuid);
    free(uuid);
    cr_assert_str_eq(value(m, "mail"), "user000001@example.com");
    cr_assert_str_eq(value(m, "entryUUID"), text);
    m = await_refresh(2);
    cr_assert_eq(m->type, SYNC_REFRESH_DELETE, "a cookie-less refresh ends like this: FACTS, 1");
    cr_assert_eq(m->effect, EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_COOKIE);
    listener_await_phase(&l, SOURCE_INSYNC);
    cr_assert_eq(source_uri_index(l.source), 0);
    assert_cookie_is_current(0);
    end();
}

Test(source, persist_messages)
{
    struct sync_msg *m;
    char *uuid;
    char text[UUID_TEXT];

    begin(NULL, 2);
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);

    ok(slapdtest_add(server, "uid=new," PEOPLE, PERSON("new")));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_ADD);
    cr_assert_eq(m->effect, EFFECT_CONTENT | EFFECT_COOKIE);
    cr_assert_str_eq(value(m, "uid"), "new");
    uuid = slapdtest_entry_uuid(server, "uid=new," PEOPLE);

    ok(slapdtest_replace(server, "uid=new," PEOPLE, "mail", "other@example.com"));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_MODIFY);
    cr_assert_str_eq(value(m, "mail"), "other@example.com");
    cr_assert_str_eq(value(m, "sn"), "new", "the whole entry");

    ok(slapdtest_rename(server, "uid=new," PEOPLE, "uid=renamed", NULL));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_MODIFY);
    cr_assert_str_eq(m->entry->dn.p, "uid=renamed," PEOPLE);

    ok(slapdtest_add(server, "ou=other," SUFFIX, "objectClass: organizationalUnit\nou: other\n"));
    m = listener_expect(&l, SYNC_NEWCOOKIE);
    cr_assert_eq(m->effect, EFFECT_COOKIE);

    ok(slapdtest_delete(server, "uid=renamed," PEOPLE));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_DELETE);
    cr_assert_eq(m->effect, EFFECT_GONE | EFFECT_COOKIE);
    cr_assert_str_eq(uuid_format(m->entry->uuid, text), uuid);
    cr_assert_eq(m->entry->n_attrs, 0);
    free(uuid);
    assert_cookie_is_current(0);
    end();
}

Test(source, leaves_and_enters_the_filter)
{
    struct sync_msg *m;

    begin(NULL, 1);
    l.specs[0].filter = (char *)"(&(objectClass=inetOrgPerson)(employeeType=mail))";
    ok(slapdtest_add(server, "uid=x," PEOPLE, PERSON("x")));
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    ok(slapdtest_replace(server, "uid=x," PEOPLE, "employeeType", "mail"));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_ADD);
    ok(slapdtest_replace(server, "uid=x," PEOPLE, "employeeType", NULL));
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_DELETE);
    end();
}

/* Between two runs: user000001 is changed, user000002 is deleted. */
static struct sync_msg *resume(unsigned sessionlog)
{
    struct slapdtest_options options = { .sessionlog = sessionlog };
    struct sync_msg *m;

    begin(&options, 4);
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    listener_stop(&l);
    ok(slapdtest_replace(server, "uid=user000001," PEOPLE, "sn", "changed"));
    ok(slapdtest_delete(server, "uid=user000002," PEOPLE));
    listener_start(&l);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert(m->had_cookie);
    return listener_expect(&l, SYNC_IDSET);
}

Test(source, resume_with_a_session_log)
{
    struct sync_msg *m = resume(100);

    cr_assert(m->deletes);
    cr_assert_eq(m->n_uuids, 1);
    cr_assert_eq(m->effect, EFFECT_GONE, "its cookie is one of the middle");
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_eq(m->state, SYNC_STATE_ADD);
    cr_assert_str_eq(value(m, "sn"), "changed");
    m = listener_expect(&l, SYNC_REFRESH_DELETE);
    cr_assert_eq(m->effect, EFFECT_COMPLETE | EFFECT_COOKIE);
    assert_cookie_is_current(0);
    end();
}

Test(source, resume_without_a_session_log)
{
    struct sync_msg *m = resume(0);

    cr_assert_not(m->deletes);
    cr_assert_eq(m->n_uuids, 3);
    cr_assert_eq(m->effect, EFFECT_PRESENT);
    m = listener_expect(&l, SYNC_ENTRY);
    cr_assert_str_eq(value(m, "sn"), "changed");
    m = listener_expect(&l, SYNC_REFRESH_PRESENT);
    cr_assert_eq(m->effect, EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_COOKIE);
    assert_cookie_is_current(0);
    end();
}

Test(source, resume_when_nothing_changed)
{
    struct sync_msg *m;

    begin(NULL, 2);
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    listener_stop(&l);
    listener_start(&l);
    cr_assert(listener_expect(&l, SYNC_BEGIN)->had_cookie);
    m = listener_expect(&l, SYNC_REFRESH_DELETE);
    cr_assert_not(m->has_cookie);
    cr_assert_eq(m->effect, EFFECT_COMPLETE);
    end();
}

Test(source, server_is_killed_and_comes_back)
{
    struct sync_msg *m;

    begin(NULL, 2);
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    listener_await_phase(&l, SOURCE_INSYNC);
    ok(slapdtest_kill(server));
    m = listener_expect(&l, SYNC_LOST);
    cr_assert(has_text(m->text, "connection lost"), "%s", text_of(m->text));
    listener_await_phase(&l, SOURCE_WAITING);
    ok(slapdtest_start(server));
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert(m->had_cookie);
    cr_assert_eq(m->session, 2);
    listener_await_phase(&l, SOURCE_INSYNC);
    ok(slapdtest_replace(server, "uid=user000001," PEOPLE, "sn", "changed"));
    m = listener_await(&l, SYNC_ENTRY);
    cr_assert_str_eq(value(m, "sn"), "changed");
    end();
}

Test(source, restart_on_request)
{
    struct sync_msg *m;

    begin(NULL, 2);
    l.settings.retry_min_s = l.settings.retry_max_s = 3600;
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    source_restart(l.source, "the watchdog says so");
    m = listener_expect(&l, SYNC_LOST);
    cr_assert(has_text(m->text, "the watchdog says so"), "%s", text_of(m->text));
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert(m->had_cookie);
    cr_assert_eq(m->session, 2, "at once, without a back-off");
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

Test(source, restart_ends_a_back_off)
{
    begin(NULL, 1);
    l.settings.retry_min_s = l.settings.retry_max_s = 3600;
    ok(slapdtest_stop(server));
    listener_start(&l);
    listener_await_phase(&l, SOURCE_WAITING);
    ok(slapdtest_start(server));
    source_restart(l.source, "try now");
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

Test(source, poll_once_and_again_on_request)
{
    struct sync_msg *m;

    begin(NULL, 3);
    l.settings.mode = SOURCE_REFRESH;
    listener_start(&l);
    listener_expect(&l, SYNC_BEGIN);
    m = await_refresh(3);
    cr_assert_eq(m->type, SYNC_DONE);
    cr_assert_eq(m->rc, 0);
    cr_assert_eq(m->effect, EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_COOKIE | EFFECT_END);
    listener_await_phase(&l, SOURCE_INSYNC);
    cr_assert(listener_is_quiet(&l, 300));
    ok(slapdtest_delete(server, "uid=user000002," PEOPLE));
    source_restart(l.source, "do not wait");
    cr_assert(listener_expect(&l, SYNC_BEGIN)->had_cookie);
    m = listener_expect(&l, SYNC_IDSET);
    cr_assert_eq(m->n_uuids, 2);
    m = listener_expect(&l, SYNC_DONE);
    cr_assert_eq(m->effect, EFFECT_COMPLETE | EFFECT_ABSENT | EFFECT_COOKIE | EFFECT_END);
    end();
}

/* The pause is counted from when what a poll brought is committed, however long that takes. */
Test(source, polls_an_interval_after_it_was_drained)
{
    struct sync_msg *m;
    int64_t drained_ms;

    begin(NULL, 1);
    l.settings.mode = SOURCE_REFRESH;
    l.settings.polling_s = 1;
    listener_start(&l);
    cr_assert(listener_expect(&l, SYNC_BEGIN)->poll);
    m = await_refresh(1);
    cr_assert(listener_is_quiet(&l, 1500), "it waits until the writer has stored it");
    source_drained(l.source, m->session - 1);
    cr_assert(listener_is_quiet(&l, 1200), "not this one");
    drained_ms = clock_mono_ms();
    source_drained(l.source, m->session);
    listener_await_phase(&l, SOURCE_WAITING);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_geq(clock_mono_ms() - drained_ms, 1000);
    cr_assert(m->had_cookie);
    end();
}

Test(source, search_base_is_renamed_away)
{
    struct sync_msg *m;

    begin(NULL, 1);
    ok(slapdtest_add(server, "ou=tmp," SUFFIX, "objectClass: organizationalUnit\nou: tmp\n"));
    l.specs[0].base = (char *)"ou=tmp," SUFFIX;
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    ok(slapdtest_rename(server, "ou=tmp," SUFFIX, "ou=tmp2", NULL));
    ok(slapdtest_add(server, "uid=a,ou=tmp2," SUFFIX, PERSON("a")));
    m = listener_await(&l, SYNC_DONE);
    cr_assert_eq(m->rc, 4096);
    cr_assert_eq(m->effect, EFFECT_END | EFFECT_RESTART);
    cr_assert(has_text(m->text, "search base has changed"), "%s", text_of(m->text));
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_not(m->had_cookie, "an empty cookie, at once");
    m = listener_expect(&l, SYNC_DONE);
    cr_assert_eq(m->rc, LDAP_NO_SUCH_OBJECT);
    listener_await_phase(&l, SOURCE_ERROR);
    ok(slapdtest_rename(server, "ou=tmp2," SUFFIX, "ou=tmp", NULL));
    m = listener_await(&l, SYNC_ENTRY);
    cr_assert_str_eq(value(m, "uid"), "a");
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

Test(source, one_search_fails_and_the_other_goes_on)
{
    struct sync_msg *m;
    unsigned seen = 0;

    begin(NULL, 2);
    listener_add_search(&l, "ou=groups," SUFFIX, "(objectClass=groupOfNames)");
    listener_start(&l);
    for (unsigned i = 0; i < 2; i++) {
        m = listener_expect(&l, SYNC_BEGIN);
        cr_assert_eq(m->search, i);
    }
    while (seen != 3) {
        m = listener_next(&l);
        if (m->type == SYNC_DONE) {
            cr_assert_eq(m->search, 1);
            cr_assert_eq(m->rc, LDAP_NO_SUCH_OBJECT);
            cr_assert(has_text(m->text, "ou=groups"), "%s", text_of(m->text));
            seen |= 2;
        } else if (m->effect & EFFECT_COMPLETE) {
            cr_assert_eq(m->search, 0);
            seen |= 1;
        }
    }
    m = listener_expect(&l, SYNC_LOST);
    cr_assert(has_text(m->text, "ou=groups"), "%s", text_of(m->text));
    cr_assert(listener_expect(&l, SYNC_BEGIN)->had_cookie);
    ok(slapdtest_add(server, "ou=groups," SUFFIX, "objectClass: organizationalUnit\nou: groups\n"));
    listener_await_phase(&l, SOURCE_INSYNC);
    end();
}

Test(source, batches_of_a_large_refresh)
{
    begin(&(struct slapdtest_options){ .dbnosync = true }, 500);
    listener_start(&l);
    listener_expect(&l, SYNC_BEGIN);
    await_refresh(500);
    cr_assert_not_null(l.first->next->next, "more than one batch");
    for (struct sync_batch *b = l.first; b; b = b->next)
        cr_assert_lt(b->arena.used, 2 * SYNC_BATCH_BYTES);
    end();
}

Test(source, reader_that_is_gone_ends_it)
{
    begin(NULL, 1);
    l.refuse = true;
    listener_start(&l);
    listener_expect(&l, SYNC_BEGIN);
    cr_assert(listener_is_quiet(&l, 300));
    end();
}
