/* Data of SHOW and LIST, read leniently. */
#include <criterion/criterion.h>
#include <string.h>

#include "axigen_wire.h"

/* All attributes as "name=value;". */
static void expect_attrs(const char *data, const char *expected)
{
    struct slice rest = slice_of(data);
    struct arena arena = {0};
    struct wire_attr attr;
    struct buf got = {0};

    while (wire_attr_next(&rest, &arena, &attr))
        buf_printf(&got, "%.*s%s%.*s;", SLICE_ARG(attr.name), attr.is_list ? "=list " : "=", SLICE_ARG(attr.value));
    cr_assert_str_eq(buf_str(&got), expected);
    buf_free(&got);
    arena_free(&arena);
}

Test(axigen_data, attributes)
{
    expect_attrs("\r\nThe attributes of \"a = b\":\r\nname = \"joe\"\r\n  enable= yes \r\nsize =12\r\n\r\n",
                 "name=joe;enable=yes;size=12;");
    expect_attrs("a = \"x \\\"y\\\" \\\\\"\nb = \"\"\nc = \nd = \"z\" (inherited)\n", "a=x \"y\" \\;b=;c=;d=z;");
    expect_attrs("services = (smtpIncoming imap)\r\nnone = ()\r\nodd = (a\r\n",
                 "services=list smtpIncoming imap;none=list ;odd=(a;");
    expect_attrs("Associated LDAP ID = 2217bead-dbc4-46cb-8e81-973e0becd7b0\r\n",
                 "Associated LDAP ID=2217bead-dbc4-46cb-8e81-973e0becd7b0;");
    expect_attrs("url = \"http://x/?a=b\"\r\nbare = c=d\r\n", "url=http://x/?a=b;bare=c=d;");
    expect_attrs("", "");
    expect_attrs("no attribute\r\n= no name\r\n", "");
}

Test(axigen_data, text_in_quotes_is_no_attribute)
{
    expect_attrs(
        "contactNotes = \"hello\r\ncustomerReference = \\\"evil\\\"\r\nbye\" x\r\ncustomerReference = \"good\"\r\n",
        "contactNotes=hello\r\ncustomerReference = \"evil\"\r\nbye;customerReference=good;");
    expect_attrs("a = \"not closed\r\nb = 1\r\n", "a=\"not closed;b=1;");
    expect_attrs("a = \"ends at the line end\r\n\"\r\nb = 1\r\n", "a=ends at the line end\r\n;b=1;");
}

Test(axigen_data, find)
{
    struct arena arena = {0};
    struct wire_attr attr;
    struct slice data = slice_of("a = 1\r\nCustomerReference = \"x\"\r\ncustomerreference = \"y\"\r\n");

    cr_assert(wire_attr_find(data, "customerReference", &arena, &attr));
    cr_assert(slice_eq(attr.value, slice_of("x")));
    cr_assert_not(wire_attr_find(data, "customer", &arena, &attr));
    cr_assert(wire_attr_find(slice_of("a = \"5\" x\\\"\r\n"), "a", &arena, &attr));
    cr_assert(slice_eq(attr.as_is, slice_of("5\" x\\")));
    cr_assert(wire_attr_find(slice_of("a = x \r\n"), "a", &arena, &attr) && slice_eq(attr.as_is, slice_of("x")));
    arena_free(&arena);
}

static void expect_rows(struct wire_rows rows, const char *expected)
{
    struct buf got = {0};
    struct slice row, word;

    while (wire_row_next(&rows, &row)) {
        while (wire_word_next(&row, &word))
            buf_printf(&got, "%.*s,", SLICE_ARG(word));
        buf_puts(&got, ";");
    }
    cr_assert_str_eq(buf_str(&got), expected);
    buf_free(&got);
}

Test(axigen_data, tables)
{
    static const char list[] =
        "\r\nThe list of accounts for domain x:\r\n\r\nname       type\r\n--------------------\r\n"
        "joe        basic\r\n \"a b\"   premium \r\n\r\nrows: 2\r\n";

    expect_rows(wire_table(slice_of(list)), "joe,basic,;a b,premium,;");
    expect_rows(wire_table(slice_of("\n\nname type\n---- ----\njoe basic\n")), "joe,basic,;");
    expect_rows(wire_table(slice_of("\r\ntitle\r\n\r\nname\r\n----\r\n\r\n")), "");
    expect_rows(wire_table(slice_of("\r\nThere are no accounts\r\n\r\n")), "");
    expect_rows(wire_table(slice_of("")), "");
}

Test(axigen_data, names)
{
    expect_rows(wire_names(slice_of("\r\nThe aliases of account joe:\r\njoey\r\n  j.doe \r\n\r\n")), "joey,;j.doe,;");
    expect_rows(wire_names(slice_of("\r\nAliases\r\njoey\r\n\r\n")), "joey,;");
    expect_rows(wire_names(slice_of("Aliases:\njoey\n")), "joey,;");
    expect_rows(wire_names(slice_of("joey\njoe\n")), "joey,;joe,;");
    expect_rows(wire_names(slice_of("\r\nThe aliases of account joe:\r\n\r\n")), "");
    expect_rows(wire_names(slice_of("")), "");
}

Test(axigen_data, words)
{
    struct slice rest = slice_of(" a  \"b c\" \"d \te\r"), word;
    struct buf got = {0};

    while (wire_word_next(&rest, &word))
        buf_printf(&got, "%.*s,", SLICE_ARG(word));
    cr_assert_str_eq(buf_str(&got), "a,b c,\"d,e,");
    buf_free(&got);
}
