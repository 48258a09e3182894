/* The command line: what is mistyped gets a line that helps, and EX_USAGE. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "cmd.h"
#include "support.h"

Test(args, version_and_help)
{
    struct run r;

    EXPECT(EX_OK, "axsync ", NULL, "--version");
    EXPECT(EX_OK, "axsync ", NULL, "status", "--version");
    EXPECT(EX_OK, "usage: axsync COMMAND", NULL, "--help");
    EXPECT(EX_OK, "usage: axsync holds", NULL, "holds", "--help");
    EXPECT(EX_OK, "usage: axsync run", NULL, "help", "run");
    run_axsync(&r, (const char *const[]){NULL});
    cr_assert_eq(r.code, EX_USAGE);
    cr_assert_str_empty(r.out);
    cr_assert_not_null(strstr(r.err, "usage: axsync COMMAND"));
    run_free(&r);
}

Test(args, typing_errors)
{
    static const struct {
        const char *args[5];
        const char *err;
    } cases[] = {
        {{"statsu"}, "axsync: unknown command 'statsu', did you mean 'status'?\n"},
        {{"rnu"}, "did you mean 'run'?"},
        {{"xyzzy"}, "axsync: unknown command 'xyzzy' (see 'axsync --help')\n"},
        {{""}, "unknown command ''"},
        {{"help", "hold"}, "did you mean 'holds'?"},
        {{"status", "--jsn"}, "axsync: unknown option '--jsn', did you mean '--json'?\n"},
        {{"status", "--once"}, "unknown option '--once'"},
        {{"status", "-x"}, "unknown option '-x' (see 'axsync status --help')"},
        {{"--bogus"}, "unknown option '--bogus' (see 'axsync --help')"},
        {{"status", "--json=1"}, "--json takes no value"},
        {{"status", "-c"}, "-c needs a file name"},
        {{"status", "--config"}, "--config needs a file name"},
        {{"status", "corp"}, "status: 'corp' is too much"},
        {{"approve"}, "approve needs ID"},
        {{"approve", "seven"}, "'seven' is not the ID of a hold"},
        {{"approve", "7."}, "'7.' is not the ID of a hold"},
        {{"reject", "0"}, "'0' is not the ID of a hold"},
        {{"holds", "7x"}, "'7x' is not the ID of a hold"},
        {{"holds", "7", "8"}, "holds takes no more than one ID"},
        {{"queue", "lst"}, "unknown word 'lst', did you mean 'list'?"},
        {{"queue", "retry"}, "needs CONNECTOR/SINK/SEQ or --all"},
        {{"queue", "list", "x"}, "queue list takes no words"},
        {{"entry"}, "entry needs DN|UUID|ADDRESS"},
        {{"verify", "corp"}, "verify: 'corp' is too much"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect(cases[i].args, EX_USAGE, NULL, cases[i].err);
}

Test(args, configuration_errors)
{
    char *path = test_path("missing.conf"),
         *broken = test_file("broken.conf", "bogus = 1\nconnector \"a\" { foo = 2 }\n");
    char *open_to_all = test_file("open.conf", "connector \"a\" {\n  bindPass = \"s3cret\"\n}\n");
    struct run r;

    EXPECT(EX_CONFIG, NULL, "missing.conf", "status", "-c", path);
    EXPECT(EX_CONFIG, NULL, "missing.conf", "run", "--config", path);
    EXPECT(EX_CONFIG, NULL, "missing.conf", "-c", path, "dump");
    EXPECT(EX_CONFIG, NULL, "broken.conf:1: ", "check", "-c", broken);
    EXPECT(EX_CONFIG, NULL, "broken.conf:2: ", "check", "-c", broken);
    cr_assert_eq(chmod(open_to_all, 0644), 0);
    run_axsync(&r, (const char *const[]){"run", "-c", open_to_all, NULL});
    cr_assert_eq(r.code, EX_CONFIG);
    cr_assert_not_null(strstr(r.err, "bindPass"), "%s", r.err);
    cr_assert_null(strstr(r.err, "s3cret"));
    run_free(&r);
    free(path);
    free(broken);
    free(open_to_all);
}

Test(args, hold_ids)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t id, upto;
    } cases[] = {
        {"7", true, 7, 0},
        {"7.120", true, 7, 120},
        {"4294967295", true, 4294967295U, 0},
        {"4294967296", false, 0, 0},
        {"", false, 0, 0},
        {"0", false, 0, 0},
        {"7.", false, 0, 0},
        {"7.0", false, 0, 0},
        {".7", false, 0, 0},
        {"-7", false, 0, 0},
        {" 7", false, 0, 0},
        {"7 ", false, 0, 0},
        {"7.1.2", false, 0, 0},
        {"99999999999999999999999", false, 0, 0},
    };
    uint32_t id, upto;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cr_assert_eq(cmd_hold_id(cases[i].text, &id, &upto), cases[i].good, "%s", cases[i].text);
        if (cases[i].good)
            cr_assert(id == cases[i].id && upto == cases[i].upto, "%s", cases[i].text);
    }
}

Test(args, nearest_word)
{
    static const char *const words[] = {"run", "status", "holds"};

    cr_assert_str_eq(cmd_nearest("stauts", words, 3), "status");
    cr_assert_str_eq(cmd_nearest("hold", words, 3), "holds");
    cr_assert_str_eq(cmd_nearest("urn", words, 3), "run");
    cr_assert_null(cmd_nearest("x", words, 3));
    cr_assert_null(cmd_nearest("", words, 3));
    cr_assert_null(cmd_nearest("aquitelongwordthatnobodywouldtype", words, 3));
}

static const char *rows_text(struct table_rows *r, char *out, size_t size)
{
    FILE *f = fmemopen(out, size, "w");

    rows_print(r, f);
    fclose(f);
    return out;
}

Test(args, columns)
{
    struct table_rows *r = rows_new(3);
    char out[512];

    rows_cell(r, slice_of("ID"));
    rows_cell(r, slice_of("NAME"));
    rows_cell(r, slice_of("WHY"));
    rows_printf(r, "%d", 7);
    rows_cell(r, slice_of("Ædå"));
    rows_cell(r, slice_of("a\x1b[2Jb\xFF\xC2\x9B"));
    cr_assert_eq(rows_count(r), 2);
    cr_assert_str_eq(rows_text(r, out, sizeof(out)), "ID  NAME  WHY\n7   Ædå   a\\x1b[2Jb\\xff\\xc2\\x9b\n");
    rows_free(&r);
    cr_assert_null(r);
}

Test(args, spans)
{
    char out[PRINT_SPAN];

    cr_assert_str_eq(print_span(-5, out), "0 s");
    cr_assert_str_eq(print_span(59999, out), "59 s");
    cr_assert_str_eq(print_span(60000, out), "1 min");
    cr_assert_str_eq(print_span(3600000 + 120000, out), "1 h 2 min");
    cr_assert_str_eq(print_span((int64_t)86400000 * 3 + 4 * 3600000, out), "3 d 4 h");
}
