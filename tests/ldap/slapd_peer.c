#include <criterion/criterion.h>
#include <stdio.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "listener.h"
#include "peer.h"

/* Against a server of our own: what a real slapd never says, or says in other pieces. */

#define COOKIE "rid=000,csn=20261123234411.970322Z#000000#000#000000"

static struct peer *peer;
static struct listener l;

static void begin(peer_script *script, const char *scheme)
{
    peer = peer_start(script);
    listener_init_uri(&l, peer_uri(peer, scheme));
}

static void end(void)
{
    listener_free(&l);
    peer_stop(&peer);
}

/* A refresh of two entries, as one run of bytes. */
static struct slice whole_refresh(int id)
{
    return join(sync_entry(id, sync_state(1, 1, 16, NULL)),
                join(sync_info(id, BER("t{b[oo]}", (ber_tag_t)0xA3, 0, same(2, 16), (ber_len_t)16, same(3, 16), (ber_len_t)16)),
                     join(sync_entry(id, sync_state(1, 4, 16, NULL)), refresh_done(id, COOKIE))));
}

/* What whole_refresh() must give. */
static void await_refresh(bool had_cookie)
{
    struct sync_msg *m = listener_expect(&l, SYNC_BEGIN);

    cr_assert_eq(m->had_cookie, had_cookie);
    cr_assert_eq(listener_expect(&l, SYNC_ENTRY)->entry->uuid[0], 1);
    cr_assert_eq(listener_expect(&l, SYNC_IDSET)->n_uuids, 2);
    cr_assert_eq(listener_expect(&l, SYNC_ENTRY)->entry->uuid[0], 4);
    cr_assert(listener_expect(&l, SYNC_REFRESH_DELETE)->effect & EFFECT_COMPLETE);
}

/* ---- Pieces ---- */

static void in_one_write(struct peer *p, unsigned connection)
{
    (void)connection;
    peer_write(p, whole_refresh(peer_accept_search(p)));
    peer_wait_for_close(p);
}

Test(peer, many_messages_in_one_write)
{
    begin(in_one_write, "ldap");
    listener_start(&l);
    await_refresh(false);
    end();
}

static void byte_by_byte(struct peer *p, unsigned connection)
{
    (void)connection;
    peer_write_slowly(p, whole_refresh(peer_accept_search(p)));
    peer_wait_for_close(p);
}

Test(peer, every_byte_alone)
{
    begin(byte_by_byte, "ldap");
    listener_start(&l);
    await_refresh(false);
    end();
}

static void in_uneven_pieces(struct peer *p, unsigned connection)
{
    struct slice all = whole_refresh(peer_accept_search(p));

    (void)connection;
    for (int i = 0; i < 40; i++)
        all = join(all, message(77, 0x64, BER("s{}", "cn=of nobody"), hex("")));
    for (size_t at = 0, n = 1; at < all.len; at += n, n = (n * 7 + 3) % 97 + 1) {
        peer_write(p, slice_make(all.p + at, at + n < all.len ? n : all.len - at));
        usleep(200);
    }
    peer_wait_for_close(p);
}

Test(peer, uneven_pieces_and_answers_to_nobody)
{
    begin(in_uneven_pieces, "ldap");
    listener_start(&l);
    await_refresh(false);
    cr_assert(listener_is_quiet(&l, 200));
    end();
}

static void large_entry(struct peer *p, unsigned connection)
{
    int id = peer_accept_search(p);
    struct slice value = element(0x04, slice_make(same('v', 60000), 60000));

    (void)connection;
    peer_write(p, message(id, 0x64, join(BER("s", "cn=big"), element(0x30, element(0x30, join(BER("s", "cn"), element(0x31, value))))),
                          sync_state(1, 1, 16, NULL)));
    peer_write(p, refresh_done(id, COOKIE));
    peer_wait_for_close(p);
}

Test(peer, entry_larger_than_any_buffer)
{
    struct sync_msg *m;

    begin(large_entry, "ldap");
    listener_start(&l);
    m = listener_await(&l, SYNC_ENTRY);
    cr_assert_eq(m->entry->attrs[0].values[0].len, 60000);
    listener_expect(&l, SYNC_REFRESH_DELETE);
    end();
}

/* ---- Messages that are none ---- */

/* A refresh that gives a cookie, then one bad message; the next connection is a good one. */
static void then(struct peer *p, unsigned connection, struct slice (*bad)(int id))
{
    int id = peer_accept_search(p);

    peer_write(p, whole_refresh(id));
    if (connection == 0)
        peer_write(p, bad(id));
    peer_wait_for_close(p);
}

/* The session is dropped with that text, and begun again from the stored cookie. */
static void assert_dropped(peer_script *script, const char *words, const char *more_words)
{
    struct sync_msg *m;

    begin(script, "ldap");
    listener_start(&l);
    await_refresh(false);
    m = listener_expect(&l, SYNC_LOST);
    cr_assert(has_text(m->text, words), "%s", text_of(m->text));
    cr_assert(has_text(m->text, more_words), "%s", text_of(m->text));
    listener_await_phase(&l, SOURCE_WAITING);
    await_refresh(true);
    cr_assert_eq(peer_connections(peer), 2);
    end();
}

static struct slice short_uuid(int id)
{
    return sync_entry(id, sync_state(1, 0xAB, 15, NULL));
}

static void script_short_uuid(struct peer *p, unsigned connection)
{
    then(p, connection, short_uuid);
}

Test(peer, uuid_of_the_wrong_length)
{
    assert_dropped(script_short_uuid, "cn=x,dc=example,dc=com", "040fababab");
}

static struct slice no_control(int id)
{
    return sync_entry(id, hex(""));
}

static void script_no_control(struct peer *p, unsigned connection)
{
    then(p, connection, no_control);
}

Test(peer, entry_without_a_control)
{
    assert_dropped(script_no_control, "no Sync State control", "cn=x,dc=example,dc=com");
}

static struct slice second_done(int id)
{
    return refresh_done(id, COOKIE);
}

static void script_second_done(struct peer *p, unsigned connection)
{
    then(p, connection, second_done);
}

Test(peer, second_refresh_done)
{
    assert_dropped(script_second_done, "refreshDelete with refreshDone TRUE", "persist");
}

static struct slice bad_info(int id)
{
    return sync_info(id, hex("a4 03 040161"));
}

static void script_bad_info(struct peer *p, unsigned connection)
{
    then(p, connection, bad_info);
}

Test(peer, sync_info_of_an_unknown_kind)
{
    assert_dropped(script_bad_info, "Sync Info message", "a403040161");
}

/* Without words, since libldap 2.5 loses the memory of them. */
static struct slice notice(int id)
{
    (void)id;
    return message(0, 0x78, BER("ess", 52, "", ""), hex(""));
}

static void script_notice(struct peer *p, unsigned connection)
{
    then(p, connection, notice);
}

Test(peer, notice_of_disconnection)
{
    assert_dropped(script_notice, "announces that it disconnects", "shutting down");
}

static struct slice garbage(int id)
{
    (void)id;
    return hex("16 03 01 02 00 01 00 01 fc");
}

static void script_garbage(struct peer *p, unsigned connection)
{
    then(p, connection, garbage);
}

Test(peer, bytes_that_are_no_ldap)
{
    assert_dropped(script_garbage, "connection lost", "");
}

static struct slice endless_length(int id)
{
    (void)id;
    return hex("30 ff 01 02 03 04 05 06 07 08 09");
}

static void script_endless_length(struct peer *p, unsigned connection)
{
    then(p, connection, endless_length);
}

Test(peer, message_of_an_endless_length)
{
    assert_dropped(script_endless_length, "connection lost", "");
}

static void script_odd_but_legal(struct peer *p, unsigned connection)
{
    int id = peer_accept_search(p);

    (void)connection;
    peer_write(p, message(id, 0x79, BER("ts", (ber_tag_t)0x80, ""), hex("")));
    peer_write(p, message(id, 0x79, hex(""), hex("")));
    peer_write(p, message(id, 0x64, BER("s{{s}}", "cn=bad", "cn"), sync_state(1, 9, 16, NULL)));
    peer_write(p, message(id, 0x73, BER("s", "ldap://elsewhere"), sync_state(1, 8, 16, NULL)));
    peer_write(p, whole_refresh(id));
    peer_wait_for_close(p);
}

Test(peer, invalid_entries_and_references_go_on)
{
    struct sync_msg *m;

    begin(script_odd_but_legal, "ldap");
    listener_start(&l);
    listener_expect(&l, SYNC_BEGIN);
    m = listener_expect(&l, SYNC_INVALID);
    cr_assert_eq(m->entry->uuid[0], 9);
    cr_assert_str_eq(m->entry->dn.p, "cn=bad");
    cr_assert_eq(m->effect, EFFECT_PRESENT);
    cr_assert(has_text(m->text, "attributes are malformed"), "%s", text_of(m->text));
    m = listener_expect(&l, SYNC_REFERENCE);
    cr_assert_str_eq(m->text.p, "ldap://elsewhere");
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

/* ---- Results ---- */

static void script_refresh_required(struct peer *p, unsigned connection)
{
    int id = peer_accept_search(p);

    (void)connection;
    peer_write(p, message(id, 0x65, BER("ess", 4096, "", "never"), hex("")));
    peer_wait_for_close(p);
}

Test(peer, refresh_required_for_ever_is_no_busy_loop)
{
    bool malformed;

    begin(script_refresh_required, "ldap");
    l.settings.retry_min_s = l.settings.retry_max_s = 3600;
    cookie_take(&l.cookies[0], slice_of(COOKIE), &malformed);
    listener_start(&l);
    cr_assert(listener_expect(&l, SYNC_BEGIN)->had_cookie);
    cr_assert(listener_expect(&l, SYNC_DONE)->effect & EFFECT_RESTART);
    cr_assert_not(listener_expect(&l, SYNC_BEGIN)->had_cookie, "at once, with an empty cookie");
    listener_expect(&l, SYNC_DONE);
    cr_assert(listener_is_quiet(&l, 300), "then with a back-off");
    cr_assert_eq(peer_connections(peer), 2);
    end();
}

static void script_bare_result(struct peer *p, unsigned connection)
{
    int id = peer_accept_search(p);

    (void)connection;
    peer_write(p, message(id, 0x65, BER("ess", 0, "", ""), hex("")));
    peer_wait_for_close(p);
}

Test(peer, success_that_completes_nothing)
{
    struct sync_msg *m;

    begin(script_bare_result, "ldap");
    listener_start(&l);
    m = listener_await(&l, SYNC_DONE);
    cr_assert_eq(m->effect, EFFECT_END);
    cr_assert(has_text(m->text, "without completing"), "%s", text_of(m->text));
    listener_await_phase(&l, SOURCE_ERROR);
    end();
}

/* ---- Silence ---- */

/* While one search tells, the other one's questions are answered, in the same pieces. */
static void script_together(struct peer *p, unsigned connection)
{
    int first = peer_accept_search(p), id;
    bool second = false;

    (void)connection;
    while ((id = peer_read(p)) >= 0 && !second) {
        second = peer_is_sync(p);
        peer_write(p, second ? whole_refresh(id)
                             : join(message(first, 0x65, BER("ess", 0, "", ""), hex("")), message(id, 0x65, BER("ess", 0, "", ""), hex(""))));
    }
    peer_wait_for_close(p);
}

Test(peer, answers_behind_those_of_another_search)
{
    begin(script_together, "ldap");
    listener_add_search(&l, "dc=example,dc=com", "(objectClass=*)");
    l.settings.conn.timeout_s = 60;   /* longer than the listener waits */
    listener_start(&l);
    cr_assert_eq(listener_expect(&l, SYNC_BEGIN)->search, 0);
    cr_assert_eq(listener_await(&l, SYNC_BEGIN)->search, 1);
    end();
}

static void script_half_a_message(struct peer *p, unsigned connection)
{
    struct slice all = whole_refresh(peer_accept_search(p));

    (void)connection;
    peer_write(p, slice_make(all.p, 40));
    peer_wait_for_close(p);
}

Test(peer, half_a_message_blocks_nobody)
{
    begin(script_half_a_message, "ldap");
    listener_start(&l);
    listener_expect(&l, SYNC_BEGIN);
    cr_assert(listener_is_quiet(&l, 200));
    source_restart(l.source, "too slow");
    listener_expect(&l, SYNC_LOST);
    cr_assert_eq(listener_expect(&l, SYNC_BEGIN)->session, 2);
    end();
}

static void script_silent(struct peer *p, unsigned connection)
{
    (void)connection;
    peer_wait_for_close(p);
}

/* The attempt ends in time, without a spinning thread, and says why. */
static void assert_gives_up(peer_script *script, const char *scheme, bool start_tls, const char *words)
{
    struct rusage before, after;
    int64_t begun = clock_mono_ms();

    begin(script, scheme);
    l.settings.conn.timeout_s = 1;
    l.settings.conn.start_tls = start_tls;
    getrusage(RUSAGE_SELF, &before);
    listener_start(&l);
    listener_await_phase(&l, SOURCE_WAITING);
    getrusage(RUSAGE_SELF, &after);
    cr_assert_not_null(strstr(l.phase_text, words), "%s", l.phase_text);
    cr_assert_geq(clock_mono_ms() - begun, 900);
    cr_assert_lt(after.ru_utime.tv_sec * 1000 + after.ru_utime.tv_usec / 1000 - before.ru_utime.tv_sec * 1000 -
                     before.ru_utime.tv_usec / 1000, 500, "it spins");
    end();
}

Test(peer, silent_at_bind)
{
    assert_gives_up(script_silent, "ldap", false, "in time");
}

Test(peer, silent_in_the_handshake)
{
    assert_gives_up(script_silent, "ldaps", false, "TLS");
}

static void script_start_tls_then_silent(struct peer *p, unsigned connection)
{
    int id = peer_read(p);

    (void)connection;
    peer_write(p, message(id, 0x78, BER("ess", 0, "", ""), hex("")));
    peer_wait_for_close(p);
}

Test(peer, silent_after_start_tls)
{
    assert_gives_up(script_start_tls_then_silent, "ldap", true, "TLS");
}

static atomic_uint binds;

static void script_refuses_tls(struct peer *p, unsigned connection)
{
    int id = peer_read(p);

    (void)connection;
    peer_write(p, message(id, 0x78, BER("ess", 2, "", "unsupported extended operation"), hex("")));
    while (peer_read(p) >= 0)
        if (peer_op(p) == 0x60)
            atomic_fetch_add(&binds, 1);
}

Test(peer, no_password_without_tls)
{
    begin(script_refuses_tls, "ldap");
    l.settings.conn.start_tls = true;
    l.settings.conn.bind_dn = (char *)"cn=reader";
    l.settings.conn.bind_pass = (char *)"secret";
    listener_start(&l);
    listener_await_phase(&l, SOURCE_WAITING);
    cr_assert_not_null(strstr(l.phase_text, "unsupported extended operation"), "%s", l.phase_text);
    listener_free(&l);
    peer_stop(&peer);
    cr_assert_eq(atomic_load(&binds), 0);
}

/* A listener whose queue is full: connects to it hang. */
static int black_hole(char *uri, size_t size)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    for (int i = 0; i < 4; i++) {
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        connect(filler, (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(uri, size, "ldap://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* As the program must, this ends without the destructors of libldap, which would pull the rug out from under the thread. */
Test(peer, stop_in_a_connect_that_hangs, .exit_code = 77)
{
    char uri[64];
    int64_t begun;
    int fd = black_hole(uri, sizeof(uri));

    listener_init_uri(&l, uri);
    l.settings.conn.timeout_s = 60;
    listener_start(&l);
    listener_await_phase(&l, SOURCE_CONNECTING);
    usleep(100000);
    begun = clock_mono_ms();
    cr_assert_not(source_stop(&l.source, 300), "it is left behind");
    cr_assert_null(l.source);
    cr_assert_lt(clock_mono_ms() - begun, 1500);
    close(fd);
    _exit(77);
}

Test(peer, connect_that_hangs_ends_in_time)
{
    char uri[64];
    int fd = black_hole(uri, sizeof(uri));

    listener_init_uri(&l, uri);
    l.settings.conn.timeout_s = 1;
    listener_start(&l);
    listener_await_phase(&l, SOURCE_WAITING);
    cr_assert_not_null(strstr(l.phase_text, "is the server running"), "%s", l.phase_text);
    listener_free(&l);
    close(fd);
}
