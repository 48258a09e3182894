/* customSchemaFile: Axigen's own file beside the connector's section. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "support.h"

TestSuite(schema, .fini = scratch_remove);

/* A configuration whose connector names a schema file of that text and has `inside` behind it. */
static const char *with_schema(const char *schema, const char *inside)
{
    char text[512];

    snprintf(text, sizeof(text), "customSchemaFile = '%s'\n%s", scratch_file("schema", schema, 0644), inside);
    return wrapped("", text, "");
}

/* All errors, without the folder's name, joined by "\n". */
static char *errors_of(const char *text)
{
    struct config_errors errors;
    struct config *c = config_read(scratch_file("wrong.conf", text, 0600), &errors);
    size_t skip = strlen(scratch()) + 1, size;
    char *all = NULL;
    FILE *out = open_memstream(&all, &size);

    cr_assert_null(c);
    for (size_t i = 0; i < errors.n; i++)
        fprintf(out, "%s%s", i ? "\n" : "", errors.lines[i] + skip);
    fclose(out);
    config_errors_free(&errors);
    return all;
}

/* The form that SPEC.md shows. */
#define EXAMPLE                                                                                                          \
    "LdapSchema {\n"                                                                                                     \
    "  accountObjectClass = \"person\"\n"                                                                                \
    "  accountNameAttribute = \"uid\"\n"                                                                                 \
    "  matchAccountFullEmailAddress = no\n"                                                                              \
    "  accountAdditionalFilter = \"(&(ou=a)(cn=\\28*))\"\n"                                                               \
    "}\n"

Test(schema, values)
{
    struct config *c = read_right(with_schema(EXAMPLE, "")), *same;
    const struct config_connector *corp = &c->connectors[0];
    char *a = config_fingerprint(corp, OBJECT_ACCOUNT), *b;

    cr_expect_str_eq(corp->account_class, "person");
    cr_expect_str_eq(corp->account_name_attribute, "uid");
    cr_expect(!corp->account_whole_address);
    cr_expect_str_eq(corp->account_filter, "(&(ou=a)(cn=\\28*))");
    cr_expect_eq(c->n_notes, 0);
    /* What counts is the values, wherever they stand. */
    same = read_right(wrapped("", "accountObjectClass = person accountNameAttribute = uid matchAccountFullEmailAddress = no\n"
                                  "accountAdditionalFilter = '(&(ou=a)(cn=\\\\28*))'", ""));
    b = config_fingerprint(&same->connectors[0], OBJECT_ACCOUNT);
    cr_expect_str_eq(a, b);
    free(a);
    free(b);
    config_free(&c);
    config_free(&same);
}

Test(schema, the_section_wins)
{
    struct config *c = read_right(with_schema(EXAMPLE, "accountObjectClass = inetOrgPerson accountNameAttribute = uid"));

    cr_expect_str_eq(c->connectors[0].account_class, "inetOrgPerson");
    cr_expect_str_eq(c->connectors[0].account_name_attribute, "uid");
    cr_assert_eq(c->n_notes, 1, "the same value twice is nothing to tell");
    cr_expect_not_null(strstr(c->notes[0], "schema:2: accountObjectClass = \"person\" does not count, since line 4 of the "
                                           "configuration sets \"inetOrgPerson\""),
                       "%s", c->notes[0]);
    config_free(&c);
}

Test(schema, what_is_axigen_s_is_named)
{
    static const char text[] = "\xEF\xBB\xBF/* ours\n*/ Other \"x\" { a = ( b, \"}\" ) }\n"
                               "LdapSchema { # ...\n"
                               "  passwordField = userPassword // ...\n"
                               "  bindDN = \"cn=evil\"\n"
                               "  timeout = 7\n"
                               "  map { a { b = c } }\n"
                               "  fields = { a, b }\n"
                               "  accountObjectClass = 'a'\n"
                               "}";
    static const char *const notes[] = {"schema:2: Other ", "schema:4: passwordField ", "schema:5: bindDN ",
                                        "schema:6: timeout ", "schema:7: map ", "schema:8: fields "};
    struct config *c = read_right(with_schema(text, ""));

    cr_expect_str_eq(c->connectors[0].account_class, "a");
    cr_expect_str_eq(c->connectors[0].bind_dn, "");
    cr_expect_eq(c->connectors[0].timeout, 4);
    cr_assert_eq(c->n_notes, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect(strstr(c->notes[i], notes[i]) && strstr(c->notes[i], "is Axigen's, not axsync's, and is ignored"), "%s",
                  c->notes[i]);
    config_free(&c);
}

Test(schema, errors_with_file_and_line)
{
    static const struct {
        const char *schema, *errors;
    } rows[] = {
        {"", "schema: has no LdapSchema section"},
        {"other = 5", "schema: has no LdapSchema section"},
        {"LdapSchema {\n", "schema:1: syntax error: the section that begins here is not closed"},
        {"LdapSchema {\n a {\n", "schema:2: syntax error: what begins here is not closed"},
        {"LdapSchema = 5", "schema:1: syntax error: { is wanted here"},
        {"LdapSchema {}\nLdapSchema {}", "schema:2: a second LdapSchema section"},
        {"LdapSchema {}\n}", "schema:2: syntax error: LdapSchema { is wanted here"},
        {"LdapSchema {\n\"a\" = 5 }", "schema:2: syntax error: a key is wanted here"},
        {"LdapSchema {\na = }", "schema:2: syntax error: a value is wanted here"},
        {"LdapSchema { accountObjectClass = \"a\n\" }", "schema:1: syntax error: the string that begins here is not closed on its line"},
        {"\n/* ", "schema:2: syntax error: the comment that begins here is not closed"},
        {"LdapSchema {\n accountObjectClass = \"a b\"\n accountAdditionalFilter = \"(a=\"\n}",
         "schema:2: accountObjectClass = \"a b\" is not a name or OID of a directory schema (RFC 4512)\n"
         "schema:3: accountAdditionalFilter = \"(a=\" is not a filter"},
        {"LdapSchema {\n accountObjectClass = a\n accountObjectClass = b\n}",
         "schema:3: accountObjectClass is given twice (first on line 2)"},
        {"LdapSchema {\n accountObjectClass = { a, b }\n accountObjectClass x }", "schema:2: accountObjectClass takes one value"},
        {"LdapSchema {\n accountNameAttribute x }", "schema:2: syntax error: = is wanted here"},
        {"LdapSchema {\n matchAccountFullEmailAddress = maybe }", "schema:2: matchAccountFullEmailAddress = \"maybe\" is neither yes nor no"},
        {"LdapSchema {\n \x01 }", "schema:2: syntax error: a character that has no meaning here"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *all = errors_of(with_schema(rows[i].schema, ""));

        cr_expect(strncmp(all, rows[i].errors, strlen(rows[i].errors)) == 0, "%s\n-- gave\n%s", rows[i].schema, all);
        free(all);
    }
}

/* What its values miss elsewhere is told of the line that names it. */
Test(schema, together_with_the_rest)
{
    char *all;

    cr_expect(has_error(with_schema("LdapSchema { clusteredSetup = yes }", ""), 0600, LINE_INSIDE, "clusteredSetup needs axigenHost",
                        &all),
              "%s", all);
    free(all);
    all = errors_of(with_schema("LdapSchema { accountScope = all }", "accountScope = each"));
    cr_expect_str_eq(all, "schema:1: accountScope = \"all\" is none of base|one|sub\n"
                          "wrong.conf:4: accountScope = \"each\" is none of base|one|sub");
    free(all);
}

/* Anything cut anywhere is read to an end. */
Test(schema, cut_short)
{
    static const char text[] = "/* a */ Other \"x\" { a = ( b, \"}\" ) } LdapSchema { a { b = 'c' } # d\n accountAdditionalFilter = \"(e=\\\")\" }";

    for (size_t n = 0; n < sizeof(text); n++) {
        char cut[sizeof(text)];
        struct config_errors errors;
        struct config *c;

        memcpy(cut, text, n);
        cut[n] = '\0';
        c = config_read(scratch_file("cut.conf", with_schema(cut, ""), 0600), &errors);
        cr_expect_eq(c != NULL, n >= sizeof(text) - 1, "%s", cut);
        config_errors_free(&errors);
        config_free(&c);
    }
}
