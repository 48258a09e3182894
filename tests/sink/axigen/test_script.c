/* From an action to command lines, by table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "axigen_script.h"

static struct arena arena;

/* "field=value" sets, "-field" clears. */
static struct action action_of(const char *const *fields)
{
    static struct object_field set[64];
    static field_id clear[64];
    struct action a = {.type = ACTION_ACCOUNT_CREATE, .set = set, .clear = clear};

    for (; *fields; fields++) {
        const char *eq = strchr(*fields, '=');

        if (**fields == '-')
            clear[a.n_clear++] = field_intern(slice_of(*fields + 1));
        else
            set[a.n_set++] =
                (struct object_field){field_intern(slice_make(*fields, (size_t)(eq - *fields))), slice_of(eq + 1)};
    }
    return a;
}

/* All lines that a script becomes, "; " between them; a line that is waited for ends in " (wait)", a step that can't be
 * sent is
 * "! NAME". */
static char *lines_of(struct script *s, bool single)
{
    static char text[16384];
    struct script_cursor at = {.single = single};
    struct wire_command c = {0};
    struct script_line line;
    struct buf out = {0};
    struct err e = {0};
    enum script_result r;

    while ((r = script_next(s, &at, &c, &line, &e)) != SCRIPT_END) {
        if (out.len)
            buf_puts(&out, "; ");
        if (r == SCRIPT_UNSENDABLE) {
            buf_puts(&out, "! ");
            script_name(&s->steps[line.first], &out);
        } else {
            cr_assert_eq(memcmp(c.text.p + c.text.len - 2, "\r\n", 2), 0);
            buf_add(&out, c.text.p, c.text.len - 2);
        }
        if (line.wait)
            buf_puts(&out, " (wait)");
    }
    snprintf(text, sizeof(text), "%s", buf_str(&out));
    buf_free(&out);
    wire_command_free(&c);
    return text;
}

static void expect(const char *lines, bool single, const char *const *fields)
{
    struct action a = action_of(fields);
    struct script s = {0};

    script_fields(&s, &arena, &a, true);
    cr_assert_str_eq(lines_of(&s, single), lines);
    arena_reset(&arena);
}

#define EXPECT(lines, ...) expect(lines, false, (const char *const[]){__VA_ARGS__, NULL})
#define EXPECT_SINGLE(lines, ...) expect(lines, true, (const char *const[]){__VA_ARGS__, NULL})

Test(axigen_script, contact_in_one_command)
{
    EXPECT("CONFIG ContactInfo; SET firstName \"Ann\" lastName \"O'Neil \\\"x\\\"\"; DONE", "contactInfo.firstName=Ann",
           "contactInfo.lastName=O'Neil \"x\"");
    EXPECT("CONFIG ContactInfo; SET office \"\" firstName \"Ann\"; DONE", "contactInfo.firstName=Ann",
           "-contactInfo.office");
}

Test(axigen_script, one_by_one)
{
    EXPECT_SINGLE("CONFIG ContactInfo; SET firstName \"Ann\"; SET lastName \"Lee\"; DONE", "contactInfo.firstName=Ann",
                  "contactInfo.lastName=Lee");
}

Test(axigen_script, the_other_contexts)
{
    EXPECT("INHERIT SETTINGS FROM accountClass \"Gold 1\"; SET accountType premium; CONFIG Quotas; SET "
           "totalMessageSize 1048576; "
           "DONE; CONFIG Limits; SET services (imap pop3); DONE",
           "account.accountType=premium", "account.class=Gold 1", "quotas.totalMessageSize=1048576",
           "limits.services=imap, (pop3)");
    EXPECT("INHERIT SETTINGS FROM domainDefaults; SET accountType basic; CONFIG Quotas; RESET totalMessageSize; DONE; "
           "CONFIG Limits; RESET services; DONE",
           "-account.accountType", "-account.class", "-limits.services", "-quotas.totalMessageSize");
}

Test(axigen_script, groups)
{
    EXPECT("SET enable no; SET receiveEmailFrom members", "group.enable=no", "group.receiveEmailFrom=members");
    EXPECT("SET distributeEmailTo members; SET enable yes; SET publishContactInfo yes; SET receiveEmailFrom anybody",
           "-group.distributeEmailTo", "-group.enable", "-group.publishContactInfo", "-group.receiveEmailFrom");
}

Test(axigen_script, what_is_no_word_is_quoted)
{
    EXPECT("SET accountType \"premium; REMOVE Account x\"; CONFIG Quotas; SET mboxCount \"1 2\"; DONE",
           "account.accountType=premium; REMOVE Account x", "quotas.mboxCount=1 2");
}

Test(axigen_script, the_mark_is_first)
{
    struct action a = action_of((const char *const[]){"account.class=C", NULL});
    struct script s = {0};

    script_mark(&s, &arena, slice_of("8a2f"));
    script_fields(&s, &arena, &a, true);
    cr_assert_str_eq(lines_of(&s, false), "SET customerReference \"8a2f\"; INHERIT SETTINGS FROM accountClass \"C\"");
    arena_reset(&arena);
}

/* A line end can't be in a value; what can be sent is sent, combined around it. */
Test(axigen_script, values_that_cannot_be_sent)
{
    EXPECT("CONFIG ContactInfo; SET firstName \"Ann\"; ! contactInfo.lastName; SET office \"1\" title \"Dr\"; DONE",
           "contactInfo.firstName=Ann", "contactInfo.lastName=x\r\nREMOVE Account y", "contactInfo.office=1",
           "contactInfo.title=Dr");
    EXPECT("CONFIG Limits; ! limits.services; DONE", "limits.services=imap \"x");
}

Test(axigen_script, many_values_do_not_make_one_long_line)
{
    char value[700];
    const char *first, *second;

    snprintf(value, sizeof(value), "contactInfo.firstName=%0600d", 1);
    first = value;
    second = "contactInfo.lastName=1";
    EXPECT_SINGLE("", "aliases=x");
    {
        struct action a = action_of((const char *const[]){first, second, "contactInfo.middleName=2", NULL});
        struct object_field *f = (struct object_field *)a.set;
        struct script s = {0};

        f[1].value = f[0].value;
        script_fields(&s, &arena, &a, true);
        cr_assert_not_null(strstr(lines_of(&s, false), "\"; SET lastName "));
    }
    arena_reset(&arena);
}

/* Of an attribute that only a configuration names nobody knows what it means in the account. */
Test(axigen_script, unknown_attributes_wait_for_config)
{
    EXPECT("CONFIG ContactInfo (wait); SET firstName \"A\" password \"x\"; DONE", "contactInfo.firstName=A",
           "contactInfo.password=x");
    EXPECT("CONFIG Limits (wait); SET imapConnectionCount 3; DONE", "limits.imapConnectionCount=3");
    EXPECT("CONFIG ContactInfo; SET firstName \"A\"; DONE; CONFIG Quotas (wait); SET messageSize 3; DONE",
           "contactInfo.firstName=A", "quotas.messageSize=3");
}

Test(axigen_script, what_is_left_out)
{
    struct action a = action_of((const char *const[]){"limits.services=imap", "account.customerReference=x", NULL});
    struct script s = {0};

    script_fields(&s, &arena, &a, false);
    cr_assert_eq(s.n, 0u);
}

Test(axigen_script, after_a_refusal_only_what_is_missing)
{
    struct action a = action_of(
        (const char *const[]){"contactInfo.firstName=A", "contactInfo.lastName=B", "quotas.mboxCount=3", NULL});
    struct script s = {0};

    script_fields(&s, &arena, &a, true);
    s.steps[0].done = s.steps[2].done = true;
    cr_assert_str_eq(lines_of(&s, true), "CONFIG ContactInfo; SET lastName \"B\"; DONE");
    s.steps[1].dead = true;
    cr_assert_str_eq(lines_of(&s, true), "");
    arena_reset(&arena);
}

Test(axigen_script, aliases_and_members)
{
    struct script s = {0};

    script_add(&s, &arena,
               (struct script_step){.form = FORM_ADD_ALIAS, .value = slice_of("a.lee"), .whole = slice_of("a.lee@d")});
    script_add(&s, &arena,
               (struct script_step){.form = FORM_REMOVE_ALIAS, .value = slice_of("b"), .whole = slice_of("b@d")});
    script_add(&s, &arena,
               (struct script_step){.form = FORM_ADD_MEMBER, .value = slice_of("c@e"), .whole = slice_of("c@e")});
    script_add(&s, &arena,
               (struct script_step){.form = FORM_REMOVE_MEMBER, .value = slice_of("d@e"), .whole = slice_of("d@e")});
    cr_assert_str_eq(lines_of(&s, false),
                     "ADD Alias \"a.lee\"; REMOVE Alias \"b\"; ADD Address \"c@e\"; REMOVE Address \"d@e\"");
    arena_reset(&arena);
}
