/* What is said of wrong files, and on which line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_table.h"
#include "support.h"

TestSuite(errors, .fini = scratch_remove);

static const struct {
    const char *text, *errors;
} files[] = {
    { "", " there is no connector" },
    { "# nothing\n// at all /*\n/* but\n comments */", " there is no connector" },
    { "connector a { }",
      "1: connector \"a\": ldapURI is missing\n1: connector \"a\": accountBaseDN is missing\n"
      "1: connector \"a\": it has no sink" },
    { "# comment\n/* two\n lines */ # and more\nstateDir = \"\"\n\nconnector \"corp\" { # here\n" HEAD "\n"
      "  // and there\n  timeout = never\n\n  guard {\n    window = 0 /* never */\n    settle = -1\n  }\n"
      "  sink \"a\" {\n    type = file\n    path = b }\n} \n\nlogLevel = x",
      "4: stateDir must not be empty\n"
      "9: timeout = \"never\" is not a whole number of seconds from 1 to 3600\n"
      "12: window = \"0\" is not a whole number of seconds from 1 to 31536000\n"
      "13: settle = \"-1\" is not a whole number of seconds from 0 to 86400\n"
      "20: logLevel = \"x\" is none of error|warning|info|debug" },
    { "connector a {\n" HEAD "\nldapURI += { ldap://b,\n http://c, ldap://d,\n x }\nsink a { type = file path = a } }",
      "4: ldapURI = \"http://c\" does not begin with ldap://, ldaps:// or ldapi://\n"
      "5: ldapURI = \"x\" does not begin with ldap://, ldaps:// or ldapi://" },
    /* Unknown keys of every form, and what is behind them is read. */
    { "foo = 1\nfoo = {1, 2}\nfoo += x\nfoo { a = b\n c { d = e } }\nfoo \"title\" { }\n"
      "logLevel = x connector c { " HEAD
      "\nbar = {}\nguard { bar { } window = 0 } sink s { type = file path = p bar x { } } }\nfoo = ${HOME}",
      "1: unknown key \"foo\"\n2: unknown key \"foo\"\n3: unknown key \"foo\"\n4: unknown key \"foo\"\n"
      "6: unknown key \"foo\"\n7: logLevel = \"x\" is none of error|warning|info|debug\n8: unknown key \"bar\"\n"
      "9: unknown key \"bar\"\n9: unknown key \"bar\"\n"
      "9: window = \"0\" is not a whole number of seconds from 1 to 31536000\n10: unknown key \"foo\"" },
    /* The same twice. */
    { "logLevel = info\nconnector a { " HEAD " guard { window = 5 }\n"
      "guard { window = 5 } sink s { type = file path = p\n"
      "type = file } }\nlogLevel = info",
      "3: guard is given twice (first on line 2)\n4: type is given twice (first on line 3)\n"
      "5: logLevel is given twice (first on line 1)" },
    { "connector a { " HEAD " sink s { type = file path = p }\n}\n"
      "connector a { " HEAD " sink s { type = file path = q } }",
      "3: a connector named \"a\" is there already, on line 1" },
    { "connector a { " HEAD " sink s { type = file path = p }\n}\n"
      "connector b { " HEAD "\nsink s { type = file path = p } }",
      "4: path = \"p\" is that of the sink on line 1 too" },
    /* Wrong values do not make what depends on them wrong as well. */
    { "connector a { ldapURI = x\naccountBaseDN = y matchAccountFullEmailAddress = no domain = -\n"
      "sink s { type = pipe } }",
      "1: ldapURI = \"x\" does not begin with ldap://, ldaps:// or ldapi://\n"
      "2: accountBaseDN = \"y\" is not a well-formed DN (RFC 4514)\n2: domain = \"-\" is not a domain\n"
      "3: type = \"pipe\" is none of file|axigen" },
    { "connector a { ldapURI = ldap://a accountBaseDN = ''\n"
      "matchAccountFullEmailAddress = no sink s { type = file path = p "
      "} }",
      "1: accountBaseDN must not be empty\n"
      "1: connector \"a\": domain is missing: with matchAccountFullEmailAddress = no it makes names addresses" },
    { "connector a { ldapURI = ldap://a accountBaseDN = 'dc=x'\n  groupBaseDN = 'dc=x'\n"
      "sink s { type = file path = p } }",
      "1: connector \"a\": domain is missing: with matchGroupFullEmailAddress = no it makes names addresses" },
    { "connector a { " HEAD "\nattribute x { field = account.customerReference }\nsink s { type = axigen } }",
      "2: account.customerReference can't be mapped with an axigen sink, which keeps its own mark there\n"
      "3: sink \"s\": passwordFile is missing" },
    { "connector a { " HEAD "\nattribute x { field = contactInfo.contactNotes }\nsink s { type = axigen } }",
      "2: contactInfo.contactNotes can't be mapped with an axigen sink: Axigen takes it by ESET only, which can't be sent safely\n"
      "3: sink \"s\": passwordFile is missing" },
    { "stateDir = \"a\\001b\\tc\"", " there is no connector\n1: stateDir = \"a?b?c\" has a control character in it" },
    { "stateDir = \"\\xff\"", " there is no connector\n1: stateDir = \"\xff\" is not UTF-8" },
};

Test(errors, files)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        expect_errors(files[i].text, files[i].errors);
}

/* What ends the reading: all before it is reported, and nothing that could have come. */
static const struct {
    const char *text, *error;
} syntax[] = {
    { "logLevel = x\nstateDir = \"a\nb\"", "2: syntax error: the string that begins here is not closed on its line" },
    { "logLevel = x\nstateDir = 'a", "2: syntax error: the string that begins here is not closed on its line" },
    { "logLevel = x\nstateDir = \"a\\", "2: syntax error: the string that begins here is not closed on its line" },
    { "logLevel = x\nconnector a {\n guard { window = 5\n }\n",
      "2: syntax error: the section that begins here is not closed" },
    { "logLevel = x\nconnector a {\n guard {\n window = 5\n",
      "3: syntax error: the section that begins here is not closed" },
    { "logLevel = x\nfoo {\n guard {\n window = 5\n}",
      "2: unknown key \"foo\"\n2: syntax error: the section that begins here is not closed" },
    { "logLevel = x\n}\n", "2: syntax error: a } that closes nothing" },
    { "logLevel = x\n/* open\n\n", "2: syntax error: the comment that begins here is not closed" },
    { "logLevel = x\nconnector a { timeout = 5 /* open\n\n",
      "2: syntax error: the comment that begins here is not closed" },
    { "logLevel = x\nstateDir \"a\"\n", "3: syntax error: = is missing, or of a section the {" },
    { "logLevel = x\nstateDir\n", "3: syntax error: = or { is wanted here" },
    { "logLevel = x\nstateDir =\n", "3: syntax error: a value is wanted behind the =" },
    { "logLevel = x\nstateDir = }\n", "2: syntax error: a value is wanted behind the =" },
    { "logLevel = x\n\"stateDir\" = a\n", "2: syntax error: a key is wanted here" },
    { "logLevel = x\n${A} = a\n", "2: syntax error: a key is wanted here" },
    { "logLevel = x\n = a\n", "2: syntax error: a key is wanted here" },
    { "logLevel = x\nfoo = {a b}\n", "2: syntax error: a comma or } is wanted in this list" },
    { "logLevel = x\nfoo = {a,,b}\n", "2: syntax error: a value or } is wanted in this list" },
    { "logLevel = x\nstateDir = a*b\n", "2: syntax error: a character that has no meaning here (a value with special "
                                        "characters is put in quotes)" },
    { "logLevel = x\ninclude(\"x\")\n", "2: syntax error: a character that has no meaning here (a value with special "
                                        "characters is put in quotes)" },
    { "logLevel = x\nstateDir = \"${A\"\n", "2: syntax error: ${ has no } (to write it as it is: \"\\${\")" },
    { "logLevel = x\nstateDir = ${A\n", "2: syntax error: ${ has no } (to write it as it is: \"\\${\")" },
    { "logLevel = x\nstateDir = \"\\x00\"\n",
      "2: syntax error: a backslash and a number that is no character (1 to 377, octal)" },
    { "logLevel = x\nstateDir = \"\\0\"\n",
      "2: syntax error: a backslash and a number that is no character (1 to 377, octal)" },
    { "logLevel = x\nstateDir = \"\\777\"\n",
      "2: syntax error: a backslash and a number that is no character (1 to 377, octal)" },
    { "logLevel = x\nstateDir = \"\\1234\"\n",
      "2: syntax error: a backslash and a number: three octal digits up to 377, or \\x and two hexadecimal ones" },
    { "logLevel = x\nstateDir = \"a\001\"\n", "2: syntax error: a control character in a string" },
    { "logLevel = x\nstateDir = \"a\\\001\"\n", "2: syntax error: a control character in a string" },
};

Test(errors, syntax)
{
    for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
        char wanted[512];

        snprintf(wanted, sizeof(wanted), "1: logLevel = \"x\" is none of error|warning|info|debug\n%s",
                 syntax[i].error);
        expect_errors(syntax[i].text, wanted);
    }
}

/* libConfuse's scanner is global: after each kind of error the next file is read as if there had been none. */
Test(errors, leave_no_trace)
{
    for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
        struct config *c;
        char *all;

        has_error(syntax[i].text, 0600, 1, "", &all);
        free(all);
        c = read_right(wrapped("", "", ""));
        config_free(&c);
    }
}

static const struct {
    enum config_section in;
    const char *key, *hint;
} typos[] = {
    { IN_CONNECTOR, "acountBaseDN", "; did you mean \"accountBaseDN\"?" },
    { IN_CONNECTOR, "accountbasedn", "; did you mean \"accountBaseDN\"?" },
    { IN_CONNECTOR, "ldapUri", "; did you mean \"ldapURI\"?" },
    { IN_CONNECTOR, "ldapURL", "; did you mean \"ldapURI\"?" },
    { IN_CONNECTOR, "groupBaseDn", "; did you mean \"groupBaseDN\"?" },
    { IN_CONNECTOR, "maxDeletes", "; \"maxDeletes\" belongs in a guard section" },
    { IN_CONNECTOR, "logLevel", "; \"logLevel\" stands outside of all sections" },
    { IN_FILE, "loglevel", "; did you mean \"logLevel\"?" },
    { IN_FILE, "conector", "; did you mean \"connector\"?" },
    { IN_SINK, "pasword", "" },
    { IN_SINK, "passwordfile", "; did you mean \"passwordFile\"?" },
    { IN_GUARD, "x", "" },
    { IN_GUARD, "aKeyThatIsLongerThanAnyKeyThereIsOrWillEverBeInAnyVersionOfThisProgram", "" },
};

Test(errors, suggestions)
{
    for (size_t i = 0; i < sizeof(typos) / sizeof(typos[0]); i++) {
        char hint[160];

        config_suggest(typos[i].in, typos[i].key, hint, sizeof(hint));
        cr_expect_str_eq(hint, typos[i].hint, "%s: %s", typos[i].key, hint);
    }
    expect_errors(wrapped("", "acountScope = sub",
        ""), "3: unknown key \"acountScope\"; did you mean \"accountScope\"?");
}

Test(errors, unreadable_file)
{
    struct config_errors errors;
    const char *paths[] = { "/nowhere/axsync.conf", "/tmp" };
    const char *texts[] = { "/nowhere/axsync.conf: No such file or directory", "/tmp: is not a regular file" };

    for (size_t i = 0; i < 2; i++) {
        cr_expect_null(config_read(paths[i], &errors));
        cr_expect(errors.missing);
        cr_assert_eq(errors.n, 1);
        cr_expect_str_eq(errors.lines[0], texts[i]);
        config_errors_free(&errors);
    }
}

Test(errors, file_without_permission)
{
    struct config_errors errors;

    if (geteuid() == 0)
        cr_skip("root reads everything");
    cr_expect_null(config_read(scratch_file("closed.conf", wrapped("", "", ""), 0000), &errors));
    cr_expect(errors.missing);
    config_errors_free(&errors);
}

/* ---- secrets ---- */

#define SECRET "hunter2"

static void expect_refused(const char *text, mode_t mode, int line, const char *words)
{
    char *all;

    cr_expect(has_error(text, mode, line, words, &all), "not \"%s\" but\n%s", words, all);
    cr_expect_null(strstr(all, SECRET), "%s", all);
    free(all);
}

Test(errors, secrets_others_can_read)
{
    static const mode_t open_modes[] = { 0644, 0640, 0604, 0660 };
    char inside[256];

    for (size_t i = 0; i < 4; i++) {
        const char *file = scratch_file("secret", SECRET "\n", open_modes[i]);

        expect_refused(wrapped("", "bindDN = 'cn=a' bindPass = '" SECRET "'", ""), open_modes[i], 3, "chmod 600");
        snprintf(inside, sizeof(inside), "bindDN = 'cn=a' bindPassFile = '%s'", file);
        expect_refused(wrapped("", inside, ""), 0600, 3, "chmod 600");
        snprintf(inside, sizeof(inside), "type = axigen passwordFile = '%s'", file);
        expect_refused(wrapped("", "", inside), 0600, 5, "chmod 600");
    }
    snprintf(inside, sizeof(inside), "tlsKeyFile = '%s' tlsCertFile = '%s'", scratch_file("key", "x", 0644),
             scratch_file("cert", "x", 0644));
    expect_refused(wrapped("", inside, ""), 0600, 3, "chmod o=");
}

Test(errors, open_file_without_secrets)
{
    struct config_errors errors;
    struct config *c = config_read(scratch_file("open.conf", wrapped("", "bindPass = ''", ""), 0644), &errors);

    cr_expect_not_null(c);
    config_errors_free(&errors);
    config_free(&c);
}

Test(errors, secret_files)
{
    static const struct {
        const char *content, *secret;   /* NULL: refused */
    } rows[] = {
        { SECRET "\n", SECRET }, { SECRET, SECRET },          { SECRET "\r\n", SECRET }, { " " SECRET " \n",
          " " SECRET " " },
        { "", NULL },            { "\n", NULL },              { SECRET "\n\n", NULL },   { "a\n" SECRET "\n", NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char inside[256];
        struct config *c;

        snprintf(inside, sizeof(inside), "bindDN = 'cn=a' bindPassFile = '%s'", scratch_file("s",
            rows[i].content, 0600));
        if (rows[i].secret == NULL) {
            expect_refused(wrapped("", inside, ""), 0600, 3, rows[i].content[0] == 'a' || i == 6 ? "more than one line"
                                                                                                  : "is empty");
            continue;
        }
        c = read_right(wrapped("", inside, ""));
        cr_expect_str_eq(c->connectors->bind_pass, rows[i].secret);
        config_free(&c);
    }
}

/* A secret that was not quoted is read as value and keys: none of it may be shown. */
Test(errors, secrets_are_never_shown)
{
    static const char *const insides[] = {
        "bindPass = my " SECRET " = x",        "bindPass = my " SECRET " { }", "bindPass = my " SECRET,
        "bindPass = \"" SECRET,                "bindPass = {" SECRET "}",      "bindPass = \"" SECRET "\\999\"",
        "bindPass = my\\ " SECRET " = x",      "bindPass = my, " SECRET,       "bindPass = \"my\\\n \" " SECRET " = x",
        "bindPass = a bindPass = " SECRET,     "bindPass += " SECRET,          "bindPass \"" SECRET "\" { }",
        "bindPass = \"" SECRET "\" bindX = {", "bindPass = " SECRET "*x",
    };

    for (size_t i = 0; i < sizeof(insides) / sizeof(insides[0]); i++) {
        char *all;

        has_error(wrapped("", insides[i], ""), 0600, 3, "", &all);
        cr_expect(all[0] != '\0' && strstr(all, SECRET) == NULL, "%s", all);
        free(all);
    }
}
