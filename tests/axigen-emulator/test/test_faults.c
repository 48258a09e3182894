/* Each misbehaviour. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(faults, .fini = fixture_fini);

static bool exists(const char *name)
{
    return dumped("domains", "example.com", "accounts", name, NULL) != NULL;
}

/* Two accounts sent in one go; what came back up to the end. */
static const char *send_two(int fd)
{
    static char all[8192];
    const char *text;

    *all = '\0';
    send_text(fd, "ADD Account a password x\r\nCOMMIT\r\nADD Account b password x\r\nCOMMIT\r\n");
    do {
        text = receive_within(fd, 300);
        cr_assert(strlen(all) + strlen(text) < sizeof(all));
        strcat(all, text);
    } while (!strstr(text, "[closed]") && !strstr(text, "[silence]"));
    return all;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

Test(faults, drop_after_n_commands)
{
    start("--drop-after", "3", NULL); /* UPDATE Domain is the first */
    cr_assert_eq(count(send_two(in_domain()), "+OK:"), 2);
    cr_assert(exists("a"));
    cr_assert_not(exists("b"));
    cr_assert_eq(count(send_two(in_domain()), "+OK:"), 0 + 1, "a is there now, its COMMIT is the domain's");
}

Test(faults, drop_instead_of_an_answer)
{
    const char *text;

    start("--drop-instead", "3", NULL);
    text = send_two(in_domain());
    cr_assert_eq(count(text, "+OK:"), 1);
    cr_assert_not_null(strstr(text, "[closed]"));
    cr_assert(exists("a"), "it was done");
}

Test(faults, drop_before)
{
    const char *text;

    start("--drop-before", "3", NULL);
    text = send_two(in_domain());
    cr_assert_eq(count(text, "+OK:"), 1);
    cr_assert_not_null(strstr(text, "[closed]"));
    cr_assert_not(exists("a"));
}

Test(faults, half_an_answer)
{
    const char *text;

    start("--rule", "drop-inside pattern LIST*", NULL);
    text = ask(in_domain(), "LIST Accounts");
    cr_assert(strstr(text, "The list of acc") && !strstr(text, "+OK") && strstr(text, "[closed]"), "%s", text);
}

Test(faults, drop_at_the_nth_commit)
{
    start("--drop-after-commit", "2", NULL);
    cr_assert_eq(count(send_two(in_domain()), "+OK:"), 3);
    cr_assert(exists("b"));
    emulator_control(emulator, "clear rules");
    emulator_control(emulator, "drop-before-commit 1");
    expect_ok(in_domain(), "ADD Account c password x", NULL);
    cr_assert_str_eq(ask(in_domain(), "COMMIT"), "[closed]");
    cr_assert_not(exists("c"));
    expect_ok(in_domain(), "ADD Account d password x", "COMMIT", NULL);
}

static void die_at_commit(const char *which, const char *state, bool done)
{
    int fd;

    start(which, "1", "--state", state, NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account a password x", NULL);
    cr_assert_not_null(strstr(ask(fd, "COMMIT"), "[closed]"));
    cr_assert(emulator_await_death(emulator, WAIT_MS));
    emulator_restart(emulator, NULL);
    cr_assert_eq(exists("a"), done);
    emulator_stop(&emulator);
}

Test(faults, die_at_a_commit)
{
    char folder[] = "/tmp/emulator-XXXXXX", path[64], journal[80];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state", folder);
    snprintf(journal, sizeof(journal), "%s.journal", path);
    die_at_commit("--die-before-commit", path, false);
    die_at_commit("--die-after-commit", path, true);
    unlink(path);
    unlink(journal);
    rmdir(folder);
}

Test(faults, refusals)
{
    int fd;

    start("--refuse", "ADD Account bad*=no such luck", NULL);
    fd = in_domain();
    TALK(fd, {"ADD Account bad1 password x", "-ERR: no such luck\r\n<domain#> "},
         {"add account good password x", "+OK:*"});
    emulator_control(emulator, "rule refuse pattern COMMIT context domain-account times 1 text 'disk full'");
    TALK(fd, {"COMMIT", "-ERR: disk full\r\n<domain-account#> "}, {"COMMIT", "+OK:*<domain#> "});
    emulator_control(emulator, "clear rules");
    expect_ok(fd, "ADD Account bad1 password x", NULL);
}

Test(faults, licence)
{
    int fd;

    start("--licence", "1", "--say-licence", "License limit reached (1)", NULL);
    fd = in_domain();
    TALK(fd, {"ADD Account a password x", "+OK:*"}, {"COMMIT", "+OK:*"},
         {"ADD Account b password x", "-ERR: License limit reached (1)\r\n<domain#> "}, {"ADD Group g", "+OK:*"},
         {"COMMIT", "+OK:*"}, {"REMOVE Account a", "+OK:*"}, {"COMMIT", "+OK:*"},
         {"UPDATE Domain example.com", "+OK:*"}, {"ADD Account b password x", "+OK:*"}, {"COMMIT", "+OK:*"});
    emulator_control(emulator, "set licence 2");
    expect_ok(fd, "ADD Account c password x", "COMMIT", NULL);
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Ten commands sent at once: how long until the tenth answer. */
static long ten(int fd)
{
    long from = now_ms();

    for (int i = 0; i < 10; i++)
        send_text(fd, "GET VERSION\r\n");
    for (size_t got = 0; got < 10; got += count(receive(fd), "+OK:"))
        continue;
    return now_ms() - from;
}

Test(faults, delay_is_one_after_the_other)
{
    start("--delay", "30", NULL);
    cr_assert_geq(ten(dial_greeted()), 290);
}

Test(faults, round_trip_is_all_at_once)
{
    long took;

    start("--round-trip", "100", NULL);
    took = ten(dial_greeted());
    cr_assert(took >= 99 && took < 900, "%ld ms", took);
    cr_assert_geq(emulator_counter(emulator, "maxInFlight"), 5);
    cr_assert_eq(emulator_counter(emulator, "roundTrips"), 1);
}

Test(faults, slow_rule)
{
    long from;
    int fd;

    start("--rule", "slow pattern LIST* ms 150", NULL);
    fd = in_domain();
    from = now_ms();
    expect_answer(fd, "LIST Accounts", "*+OK:*");
    cr_assert_geq(now_ms() - from, 149);
}

Test(faults, bytewise)
{
    start("--bytewise", "yes", NULL);
    TALK(in_domain(), {"LIST Accounts", "*+OK: 0 listed*"}, {"COMMIT", "+OK:*<#> "});
}

/* Bytes of the next read that finds anything. */
static ssize_t one_read(int fd, char *out, size_t size)
{
    ssize_t n = read(fd, out, size - 1);

    out[n > 0 ? n : 0] = '\0';
    return n;
}

Test(faults, glued_answers)
{
    char text[4096];
    int fd;

    start(NULL);
    fd = dial_greeted();
    emulator_control(emulator, "set glue 3");
    for (int i = 0; i < 3; i++)
        send_text(fd, "SET QUIET on\r\n");
    cr_assert_gt(one_read(fd, text, sizeof(text)), 0);
    cr_assert_eq(count(text, "+OK:"), 3);
    expect_answer(fd, "GET VERSION", "*+OK:*"); /* fewer come when no more follow */
}

Test(faults, garbage)
{
    char text[4096];
    int fd;

    start("--garbage-at", "1", NULL);
    fd = login();
    send_text(fd, "LIST Domains\r\n");
    cr_assert_gt(one_read(fd, text, sizeof(text)), 10);
    cr_assert_null(strstr(text, "+OK"));
    expect_ok(fd, "UPDATE Domain example.com", NULL);
}

Test(faults, silence)
{
    int fd, other;

    start("--silent-after", "2", NULL);
    fd = in_domain();
    send_text(fd, "LIST Accounts\r\n");
    cr_assert_str_eq(receive_within(fd, 200), "[silence]");
    emulator_control(emulator, "set silent yes");
    other = dial();
    cr_assert_str_eq(receive_within(other, 200), "[silence]");
}

Test(faults, connections_not_taken)
{
    start("--accept", "no", NULL);
    cr_assert_str_eq(receive(dial()), "[closed]");
    emulator_control(emulator, "set accept yes");
    close(dial_greeted());
}

Test(faults, unasked_lines)
{
    int fd;

    start(NULL);
    fd = in_domain();
    emulator_control(emulator, "unsolicited '* queue is full\\n+OK: not yours'");
    expect_answer(fd, "SHOW ATTR name", "* queue is full\r\n+OK: not yours\r\nname = *+OK:*<domain#> ");
    emulator_control(emulator, "clear rules");
    emulator_control(emulator, "rule chatter pattern COMMIT text bye");
    fd = in_domain();
    send_text(fd, "COMMIT\r\n");
    cr_assert_not_null(strstr(receive_within(fd, 300), "saved\r\n<#> bye\r\n"));
}

Test(faults, overlong_line)
{
    const char *text;

    start(NULL);
    emulator_control(emulator, "overlong 300000");
    text = receive(dial());
    cr_assert_null(strstr(text, "xxxx"));
    text = ask(dial_greeted(), "GET VERSION");
    cr_assert_geq(strspn(text, "x"), 300000u);
}

Test(faults, too_many_errors_close)
{
    int fd;

    start("--max-errors", "2", NULL);
    TALK(in_domain(), {"UPDATE Account nobody", "-ERR:*> "}, {"FOO", "-ERR:*\r\n[closed]"});
    emulator_control(emulator, "set errors-count wrong");
    fd = in_domain();
    TALK(fd, {"UPDATE Account nobody", "-ERR:*> "}, {"FOO", "-ERR:*> "}, {"UPDATE Account x", "-ERR:*> "},
         {"COMMIT x", "-ERR:*\r\n[closed]"});
}

Test(faults, long_lines_are_refused)
{
    char line[300];

    memset(line, 'a', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    start("--max-line", "200", NULL);
    expect_answer(in_domain(), line, "-ERR: the line is too long: bad syntax\r\n<domain#> ");
}

Test(faults, all_connections_dropped)
{
    int one, two;

    start(NULL);
    one = in_domain();
    two = login();
    emulator_control(emulator, "drop");
    cr_assert_not_null(strstr(receive(one), "[closed]"));
    cr_assert_not_null(strstr(receive(two), "[closed]"));
    close(login());
}
