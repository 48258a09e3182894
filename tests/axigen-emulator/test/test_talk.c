/* Conversations: what is sent, and the whole answer with its prompt. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(talk, .fini = fixture_fini);

Test(talk, before_login)
{
    start(NULL);
    TALK(dial_greeted(), {"GET VERSION", "10.6.30|Linux|x86_64\r\n+OK: command successful\r\n<login> "},
         {"set console-codes OFF", "+OK: console codes are off\r\n<login> "},
         {"SET QUIET on", "+OK: command successful\r\n<login> "},
         {"LIST Domains", "-ERR: unknown command in this context\r\n<login> "}, {"USER admin", "<password> "},
         {"wrong", "-ERR: authentication failed\r\n<login> "}, {"USER nobody", "<password> "},
         {"secret", "-ERR: authentication failed\r\n<login> "}, {"user ADMIN", "<password> "},
         {"secret", "+OK: command successful\r\n<#> "}, {"SET QUIET off", "-ERR: unknown*\r\n<#> "},
         {"QUIT", "+OK: have a nice day\r\n[closed]"});
    cr_assert_eq(emulator_counter(emulator, "logins"), 1);
    cr_assert_eq(emulator_counter(emulator, "failedLogins"), 2);
}

Test(talk, greeting)
{
    int fd;

    start("--banner", "Hello\\n+OK: not a status\\n<#> ", NULL);
    fd = dial();
    cr_assert_str_eq(receive(fd), "Hello\r\n+OK: not a status\r\n<#> \r\n<login> ");
}

Test(talk, third_failed_login_closes)
{
    int fd;

    start(NULL);
    fd = dial_greeted();
    for (int i = 0; i < 2; i++)
        TALK(fd, {"USER admin", "<password> "}, {"x", "-ERR:*<login> "});
    TALK(fd, {"USER admin", "<password> "}, {"x", "-ERR: authentication failed\r\n[closed]"});
}

Test(talk, shapes_of_answers)
{
    int fd;

    start(NULL);
    fd = in_domain();
    TALK(fd,
         {"LIST Accounts", "\r\nThe list of accounts:\r\n\r\nName\r\n------------------------------------------------"
                           "------------\r\n\r\n+OK: 0 listed\r\n<domain#> "},
         {"ADD Account name Anna password 'x y'", "+OK:*\r\n<domain-account#> "},
         {"ADD Alias ann", "+OK:*\r\n<domain-account#> "},
         {"LIST Aliases", "\r\nThe list of aliases:\r\nann\r\n\r\n+OK: 1 listed\r\n<domain-account#> "},
         {"SHOW ATTR customerReference", "customerReference = \"\"\r\n\r\n+OK:*\r\n<domain-account#> "},
         {"SHOW", "\r\nThe account settings are:\r\nname = \"Anna\"\r\n*\r\n\r\n+OK:*\r\n<domain-account#> "},
         {"SHOW ATTR password", "-ERR:*"}, {"COMMIT", "+OK: anna saved\r\n<domain#> "},
         {"LIST Accounts a*", "*---\r\nAnna\r\n\r\n+OK: 1 listed\r\n<domain#> "},
         {"LIST Accounts b*", "*---\r\n\r\n+OK: 0 listed\r\n<domain#> "},
         {"SHOW Account anna ATTR accountType", "accountType = basic\r\n\r\n+OK:*\r\n<domain#> "},
         {"COMMIT", "+OK:*\r\n<#> "},
         {"LIST Domains", "\r\n*:\r\n\r\nName*\r\n---*\r\nexample.com *\r\n\r\n+OK: 1 listed\r\n<#> "},
         {"SHOW LicenseInfo", "\r\n*usedAccounts = 1\r\n\r\n+OK:*\r\n<#> "}, {"SAVE CONFIG", "+OK:*\r\n<#> "});
}

Test(talk, three_ways_to_write_a_value)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "CONFIG ContactInfo",
              "SET firstName An\\ n\\'a\\\" lastName 'with \\ and \"' company \"a \\\"b\\\" \\\\ 'c'\" title ''", NULL);
    TALK(fd, {"SET firstName un'quoted", "-ERR:*"}, {"SET firstName \"not closed", "-ERR:*"},
         {"SET firstName \"a\"b", "-ERR:*"}, {"SET firstName \"\\n\"", "-ERR:*"}, {"SET firstName (list)", "-ERR:*"},
         {"SET firstName a\x01", "-ERR:*"}, {"SET firstName \xff", "-ERR:*"},
         {"SET 'firstName' quotedkeyword", "-ERR:*"}, {"SET firstName", "-ERR:*"}, {"SET", "-ERR:*"},
         {"SHOW ATTR company", "company = \"a \\\"b\\\" \\\\ 'c'\"\r\n*"});
    expect_ok(fd, "DONE", "COMMIT", NULL);
    expect_account("anna", "contactInfo",
                   "{\"company\":\"a \\\"b\\\" \\\\ 'c'\",\"firstName\":\"An n'a\\\"\","
                   "\"lastName\":\"with \\\\ and \\\"\"}");
}

Test(talk, several_settings_all_or_nothing)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "SET accountType premium customerReference one", NULL);
    TALK(fd, {"SET customerReference two accountType gold", "-ERR: accountType: bad value\r\n<domain-account#> "},
         {"SET customerReference two shoeSize 44", "-ERR: shoeSize: unknown command in this context\r\n*"},
         {"SHOW ATTR customerReference", "customerReference = \"one\"\r\n*"});
}

Test(talk, eset)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "CONFIG ContactInfo", NULL);
    send_text(fd, "ESET contactNotes\r\nfirst\r\n..dot\r\n\r\n+OK: fake\r\n<#> \r\n");
    TALK(fd, {".", "+OK: text set\r\n<domain-account-contactInfo#> "},
         {"SHOW ATTR contactNotes", "contactNotes = \"first\r\n.dot\r\n\r\n+OK: fake\r\n<#> \"\r\n\r\n+OK:*"},
         {"ESET firstName", "-ERR:*"}, {"SET contactNotes x", "-ERR:*"});
    expect_ok(fd, "DONE", "COMMIT", NULL);
    expect_account("anna", "contactInfo", "{\"contactNotes\":\"first\\n.dot\\n\\n+OK: fake\\n<#> \"}");
}

Test(talk, quotas_and_limits)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "CONFIG Quotas", "SET totalMessageSize 2048 mboxCount 7",
              "RESET mboxCount", "DONE", "CONFIG Limits", "SET services (imap  pop3)", "DONE", "CONFIG Limits",
              "SET services ()", "BACK", "CONFIG Quotas", NULL);
    TALK(fd, {"SET totalMessageSize 1x", "-ERR:*"}, {"SET totalMessageSize -1", "-ERR:*"},
         {"SET services (imap)", "-ERR: services: unknown*"}, {"RESET nothing", "-ERR:*"}, {"COMMIT", "-ERR: unknown*"},
         {"SHOW ATTR totalMessageSize", "totalMessageSize = 2048\r\n*"});
    expect_ok(fd, "DONE", "COMMIT", NULL);
    expect_account("anna", "quotas", "{\"totalMessageSize\":2048}");
    expect_account("anna", "limits", "{\"services\":[\"imap\",\"pop3\"]}");
}

Test(talk, back_drops)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "SET customerReference one", "BACK", NULL);
    expect_answer(fd, "UPDATE Account anna", "-ERR: anna: does not exist\r\n<domain#> ");
    expect_ok(fd, "ADD Account anna password x", "SET customerReference one", "CONFIG ContactInfo", "SET firstName A",
              "BACK", "COMMIT", "UPDATE Account anna", "SET customerReference two", "BACK", NULL);
    expect_account("anna", "settings", "{\"customerReference\":\"one\"}");
    expect_account("anna", "contactInfo", "nothing");
}

Test(talk, one_namespace)
{
    int fd;

    start(NULL);
    emulator_control(emulator, "merge {\"domains\":{\"example.com\":{\"lists\":{\"news\":{}},"
                               "\"folderRcpts\":{\"box\":{}}}}}");
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "ADD Alias ann", "COMMIT", "ADD Group staff", "COMMIT", NULL);
    TALK(fd, {"ADD Account ANNA password x", "-ERR: ANNA: already exists\r\n<domain#> "},
         {"ADD Account ann password x", "-ERR:*exists*"}, {"ADD Account staff password x", "-ERR:*exists*"},
         {"ADD Account news password x", "-ERR:*exists*"}, {"ADD Group box", "-ERR:*exists*"},
         {"ADD Group Anna", "-ERR:*exists*"}, {"LIST Lists", "*news\r\n\r\n+OK:*"},
         {"LIST FolderRcpts", "*box\r\n\r\n+OK:*"}, {"ADD Account with@sign password x", "-ERR:*bad value*"},
         {"ADD Account 'with blank' password x", "-ERR:*bad value*"}, {"ADD Account '' password x", "-ERR:*bad value*"},
         {"ADD Account bert password ''", "-ERR:*bad value*"}, {"ADD Account bert", "-ERR:*bad syntax*"},
         {"ADD Account bert password x y", "-ERR:*bad syntax*"}, {"ADD Account bert password x", "+OK:*"},
         {"SET name bertha", "-ERR:*bad value*"}, {"ADD Alias anna", "-ERR:*exists*"},
         {"ADD Alias bert", "-ERR:*exists*"}, {"ADD Alias bee", "+OK:*"}, {"ADD Alias BEE", "-ERR:*exists*"},
         {"REMOVE Alias ann", "-ERR:*does not exist*"}, {"COMMIT", "+OK:*"},
         {"UPDATE Account name name", "-ERR: name: does not exist*"},
         {"UPDATE Account name", "-ERR: name: does not exist*"});
}

Test(talk, rename_keeps_the_mailbox)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "ADD Account bert password x", "COMMIT",
              "UPDATE Account anna", "SET name tmp", "COMMIT", "UPDATE Account bert", "SET name anna", "COMMIT",
              "UPDATE Account tmp", "SET name bert", "COMMIT", NULL);
    expect_account("anna", "mail", "\"mail of bert@example.com, mailbox 2\"");
    expect_account("bert", "id", "1");
    cr_assert_eq(emulator_counter(emulator, "accountsRenamed"), 3);
    TALK(fd, {"UPDATE Account anna", "+OK:*"}, {"SET name Bert", "-ERR:*exists*"}, {"SET name ANNA", "+OK:*"},
         {"COMMIT", "+OK:*"});
    expect_account("anna", "name", "\"ANNA\"");
}

Test(talk, classes)
{
    int fd;

    start(NULL);
    emulator_control(emulator, "merge {\"domains\":{\"example.com\":{\"accountClasses\":[\"Gold\"]}}}");
    fd = in_domain();
    TALK(fd, {"LIST AccountClasses", "*---\r\nGold\r\n\r\n+OK:*"}, {"ADD Account anna password x", "+OK:*"},
         {"INHERIT SETTINGS FROM accountClass silver", "-ERR: silver: does not exist\r\n*"},
         {"INHERIT SETTINGS FROM accountClass gold", "+OK:*"}, {"INHERIT SETTINGS FROM nobody", "-ERR:*"},
         {"COMMIT", "+OK:*"});
    expect_account("anna", "class", "\"Gold\"");
    expect_ok(fd, "UPDATE Account anna", "INHERIT SETTINGS FROM domainDefaults", "COMMIT", NULL);
    expect_account("anna", "class", "nothing");
}

Test(talk, groups)
{
    json_t *group, *wanted = json_pack("[s, s]", "a@example.com", "b@example.com");
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Group staff", "SET enable no distributeEmailTo nobody", "ADD Address b@example.com",
              "ADD Address a@example.com", NULL);
    TALK(fd, {"ADD Address B@example.com", "-ERR:*exists*"}, {"REMOVE Address c@example.com", "-ERR:*does not exist*"},
         {"SET customerReference x", "-ERR:*unknown*"}, {"SET receiveEmailFrom everybody", "-ERR:*bad value*"},
         {"LIST Addresses", "\r\nThe list of addresses:\r\nb@example.com\r\na@example.com\r\n\r\n+OK: 2*"},
         {"COMMIT", "+OK:*<domain#> "}, {"SHOW Group staff ATTR enable", "enable = no\r\n*"});
    group = emulator_group(emulator, "example.com", "staff");
    cr_assert(json_equal(json_object_get(group, "addresses"), wanted));
    json_decref(wanted);
    json_decref(group);
    expect_ok(fd, "UPDATE Group staff", "SET name crew", "REMOVE Address a@example.com", "COMMIT", "REMOVE Group crew",
              "COMMIT", NULL);
    cr_assert_null(emulator_group(emulator, "example.com", "crew"));
}

Test(talk, creating_a_domain)
{
    int fd;

    start(NULL);
    fd = login();
    TALK(fd,
         {"CREATE Domain name two.org domainLocation /d/two wmFilterTemplatePath none postmasterPassword pp",
          "+OK:*<domain-create#> "},
         {"COMMIT", "+OK:*<#> "},
         {"CREATE Domain name Two.org domainLocation /d/two wmFilterTemplatePath none postmasterPassword pp",
          "+OK:*<domain-create#> "},
         {"COMMIT", "-ERR:*exists*<domain-create#> "}, {"BACK", "+OK:*<#> "},
         {"UPDATE Domain three.org", "-ERR: three.org: does not exist\r\n<#> "},
         {"UPDATE Domain name TWO.ORG", "+OK:*<domain#> "}, {"LIST Accounts", "*postmaster\r\n*"},
         {"REMOVE Account postmaster", "-ERR:*"});
}

Test(talk, registry_and_ldap_sync)
{
    int fd;

    start(NULL);
    emulator_control(emulator,
                     "merge {\"domains\":{\"example.com\":{\"settings\":{\"enableLDAPSync\":\"yes\"},\"accounts\":"
                     "{\"anna\":{\"registry\":{\"Associated LDAP ID\":\"01234567-89ab-cdef-0123-456789abcdef\"}}}}}}");
    fd = in_domain();
    TALK(fd, {"SHOW ATTR enableLDAPSync", "enableLDAPSync = yes\r\n*"}, {"UPDATE Account anna", "+OK:*"},
         {"SHOW RegistryInformation",
          "\r\n*:\r\n*Associated LDAP ID = 01234567-89ab-cdef-0123-456789abcdef\r\n\r\n+OK:*"});
}

Test(talk, inactive_domains)
{
    int fd;

    start(NULL);
    emulator_control(emulator, "merge {\"domains\":{\"asleep.org\":{\"active\":false}}}");
    fd = login();
    TALK(fd, {"LIST Domains", "*example.com *+OK: 1 listed*"},
         {"LIST AllDomains", "*asleep.org *inactive*+OK: 2 listed*"},
         {"LIST AllDomains a*", "*asleep.org *+OK: 1 listed*"}, {"UPDATE Domain asleep.org", "-ERR:*"});
}

/* The danger of sending ahead: what follows a refused ADD Account runs in the domain, and means the domain there. */
Test(talk, what_follows_a_refusal_runs_in_the_domain)
{
    int fd;

    start("--refuse", "ADD Account*=disk full", NULL);
    fd = in_domain();
    send_text(fd, "ADD Account anna password x\r\nSET customerReference mark\r\nSET services (imap)\r\n"
                  "ADD Alias a.org\r\nCOMMIT\r\n");
    cr_assert_not_null(receive(fd));
    cr_assert(emulator_await_counter(emulator, "commits", 1, WAIT_MS));
    cr_assert_eq(emulator_counter(emulator, "domainSettings"), 3);
    cr_assert_eq(emulator_counter(emulator, "refused"), 1);
    cr_assert_str_eq(json_string_value(dumped("domains", "example.com", "settings", "customerReference", NULL)),
                     "mark");
    cr_assert_eq(json_array_size(dumped("domains", "example.com", "aliases", NULL)), 1);
}

Test(talk, a_renamed_domain_is_seen)
{
    int fd;

    start(NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password x", "COMMIT", "SET name other.org", "COMMIT", NULL);
    cr_assert_null(dumped("domains", "example.com", NULL));
    cr_assert_not_null(dumped("domains", "other.org", "accounts", "anna", NULL));
    expect_ok(fd, "UPDATE Domain other.org", "UPDATE Account anna", NULL);
}

Test(talk, strictness)
{
    static const struct {
        const char *command;
        bool unknown;
    } cases[] = {
        {"FOO", true},
        {"", true},
        {"SET firstName x", true},
        {"LIST Nothing", true},
        {"DONE", true},
        {"CONFIG ContactInfo", true},
        {"ADD Address a@b.c", true},
        {"RESET services", true},
        {"SHOW Nothing", true},
        {"COMMIT now", false},
        {"BACK twice", false},
        {"UPDATE Account", false},
        {"LIST Accounts a b", false},
        {"ADD Account x pass y", false},
        {"\"COMMIT\"", true},
    };
    long unknown = 0, malformed = 0;
    int fd;

    start(NULL);
    fd = in_domain();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expect_answer(fd, cases[i].command, "-ERR:*<domain#> ");
        unknown += cases[i].unknown;
        malformed += !cases[i].unknown;
        cr_assert_eq(emulator_counter(emulator, "unknown"), unknown, "%s", cases[i].command);
        cr_assert_eq(emulator_counter(emulator, "malformed"), malformed, "%s", cases[i].command);
    }
    send_text(fd, "LIST Groups\n");
    receive(fd);
    cr_assert_eq(emulator_counter(emulator, "bareLineEnds"), 1);
}

Test(talk, help_names_the_commands)
{
    start(NULL);
    expect_answer(in_domain(), "HELP", "*\r\nADD Account\r\n*\r\nQUIT\r\n+OK:*<domain#> ");
}
