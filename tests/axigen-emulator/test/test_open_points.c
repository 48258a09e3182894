/* What the reference leaves open, each way. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(open_points, .fini = fixture_fini);

static bool exists(const char *name)
{
    return dumped("domains", "example.com", "accounts", name, NULL) != NULL;
}

Test(open_points, remove_with_the_domains_commit)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "REMOVE Account anna", NULL);
    cr_assert(exists("anna"));
    TALK(fd, {"UPDATE Account anna", "-ERR:*"}, {"LIST Accounts", "*OK: 0 listed*"},
         {"ADD Account anna password x", "-ERR:*exists*"}, {"BACK", "+OK:*"});
    cr_assert(exists("anna"));
    expect_ok(fd, "UPDATE Domain example.com", "REMOVE Account anna", "COMMIT", NULL);
    cr_assert_not(exists("anna"));
    cr_assert_eq(emulator_counter(emulator, "accountsRemoved"), 1);
}

Test(open_points, remove_at_once)
{
    int fd;

    start("--remove", "now", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "REMOVE Account anna", NULL);
    cr_assert_not(exists("anna"));
    expect_ok(fd, "ADD Account anna password x", "COMMIT", NULL);
}

Test(open_points, removal_hits_the_mailbox_that_was_meant)
{
    int one, two;

    start(NULL);
    one = in_domain();
    expect_ok(one, "ADD Account anna password x", "COMMIT", "REMOVE Account anna", NULL);
    two = in_domain();
    expect_ok(two, "UPDATE Account anna", "SET name old", "COMMIT", "ADD Account anna password x", "COMMIT", NULL);
    expect_answer(one, "COMMIT", "-ERR:*<domain#> ");
    cr_assert(exists("anna"));
    cr_assert(exists("old"));
}

Test(open_points, accounts_commit_keeps)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", NULL);
    cr_assert(exists("anna"));
    close(fd);
}

Test(open_points, only_the_domains_commit_keeps)
{
    int fd, other;

    start("--keep", "domain", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "UPDATE Account anna", "SET customerReference one",
              "ADD Alias ann", "COMMIT", "ADD Group staff", "COMMIT", NULL);
    cr_assert_not(exists("anna"));
    TALK(fd, {"ADD Account ann password x", "-ERR:*exists*"}, {"SHOW Account anna ATTR customerReference", "*one*"},
         {"LIST Accounts", "*anna*+OK: 1 listed*"}, {"BACK", "+OK:*"});
    cr_assert_not(exists("anna"));
    expect_ok(fd, "UPDATE Domain example.com", "ADD Account anna password x", "COMMIT", "UPDATE Account anna",
              "SET name bert", "COMMIT", "COMMIT", NULL);
    cr_assert(exists("bert"));
    cr_assert_not(exists("anna"));
    cr_assert_eq(emulator_counter(emulator, "accountsAdded"), 1);
    expect_ok(fd, "UPDATE Domain example.com", "UPDATE Account bert", "SET name carl", "COMMIT", "REMOVE Account carl",
              NULL);
    other = in_domain();
    expect_answer(other, "SHOW Account bert ATTR name", "name = \"bert\"*");
}

Test(open_points, a_name_that_two_took_before_the_domains_commit)
{
    int one, two;

    start("--keep", "domain", NULL);
    one = in_domain();
    expect_ok(one, "ADD Account b password x", "COMMIT", NULL);
    two = in_domain();
    expect_ok(two, "ADD Group b", "COMMIT", "COMMIT", NULL);
    expect_ok(one, "UPDATE Group b", "ADD Address a@x", "COMMIT", NULL);
    expect_answer(one, "COMMIT", "-ERR: b: already exists\r\n<domain#> ");
    cr_assert_not(exists("b"));
}

Test(open_points, add_at_once)
{
    int fd;

    start("--add", "now", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", NULL);
    cr_assert(exists("anna"));
    expect_ok(fd, "SET customerReference one", "BACK", NULL);
    cr_assert(exists("anna"));
    expect_account("anna", "settings", "nothing");
    expect_ok(fd, "ADD Account bert password x", "SET customerReference two", "COMMIT", NULL);
    expect_account("bert", "settings", "{\"customerReference\":\"two\"}");
    cr_assert_eq(emulator_counter(emulator, "accountsAdded"), 2);
}

Test(open_points, add_at_once_takes_no_name_that_is_not_free_for_all)
{
    int fd;

    start("--add", "now", "--freed", "now", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "REMOVE Account anna", NULL);
    TALK(fd, {"ADD Group anna", "-ERR:*exists*"}, {"COMMIT", "+OK:*"}, {"UPDATE Domain example.com", "+OK:*"},
         {"ADD Group anna", "+OK:*"});
}

Test(open_points, freed_names)
{
    static const struct turn refused[] = {{"REMOVE Alias ann", "+OK:*"},
                                          {"SET name ann", "-ERR:*exists*"},
                                          {"ADD Alias ann", "-ERR:*exists*"},
                                          {NULL, NULL}};
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "ADD Alias ann", "COMMIT", "UPDATE Account anna", NULL);
    talk(fd, refused);
    emulator_control(emulator, "set freed now");
    expect_ok(fd, "SET name ann", "ADD Alias anna", "COMMIT", NULL);
    expect_account("ann", "aliases", "[\"anna\"]");
    expect_ok(fd, "REMOVE Account ann", "ADD Account anna password x", "BACK", NULL);
}

Test(open_points, strings)
{
    int fd;

    start("--strings", "bare", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "SET customerReference 'a \"b\"'", NULL);
    expect_answer(fd, "SHOW ATTR customerReference", "customerReference = a \"b\"\r\n\r\n+OK:*");
    emulator_control(emulator, "set strings quoted");
    emulator_control(emulator, "set escapes no");
    expect_answer(fd, "SHOW ATTR customerReference", "customerReference = \"a \"b\"\"\r\n\r\n+OK:*");
}

Test(open_points, colours_until_told)
{
    int fd;

    start("--colours", "yes", NULL);
    fd = dial();
    send_text(fd, "SET CONSOLE-CODES off\r\n");
    for (const char *text = receive_within(fd, 500);; text = receive_within(fd, 500))
        if (strstr(text, "codes are off\r\n<login> "))
            break;
        else
            cr_assert(strstr(text, "\x1b["), "%s", text);
    expect_answer(fd, "GET VERSION", "10.6.30|Linux|x86_64\r\n+OK: command successful\r\n<login> ");
}

Test(open_points, more_text_than_needed)
{
    int fd;

    start("--answer-line", "note: x\\n+OK: y", "--prompt-before", "hint ", "--ok-text", "done", "--user-status", "yes",
          NULL);
    fd = dial();
    send_text(fd, "GET VERSION\r\nEXIT\r\n");
    cr_assert_str_eq(receive(fd), "Welcome to Axigen CLI\r\nhint <login> 10.6.30|Linux|x86_64\r\nnote: x\r\n+OK: y\r\n"
                                  "+OK: done\r\nhint <login> note: x\r\n+OK: y\r\n+OK: have a nice day\r\n[closed]");
}

Test(open_points, words_of_errors)
{
    int fd;

    start("--say-exists", "Name in use (17)", "--say-unknown", "huh?", NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", NULL);
    TALK(fd, {"ADD Account anna password x", "-ERR: anna: Name in use (17)\r\n*"}, {"FOO", "-ERR: huh?\r\n*"});
}
