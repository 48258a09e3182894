/* The mail server of the harness: takes each line in order and fails the test if Axigen would refuse it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "members.h"
#include "scene.h"

struct account {
    char uuid[UUID_TEXT];
    char *address;
    json_t *set;   /* field → string; "aliases" → array */
    json_t *members;   /* address → true */
    bool returned;     /* it was kept when it was gone: what it had is told anew */
};

bool target_keeps;

static struct account *accounts;
static size_t n_accounts;
static struct account *kept;   /* deleted, and kept with all they have */
static size_t n_kept;
static char **lines;      /* those that no expectation has seen yet */
static size_t n_lines;
static uint64_t last_seq;

static void drop_account(struct account *a)
{
    free(a->address);
    json_decref(a->set);
    json_decref(a->members);
}

void target_forget(void)
{
    for (size_t i = 0; i < n_accounts; i++)
        drop_account(&accounts[i]);
    for (size_t i = 0; i < n_kept; i++)
        drop_account(&kept[i]);
    free(kept);
    kept = NULL;
    n_kept = 0;
    target_keeps = false;
    for (size_t i = 0; i < n_lines; i++)
        free(lines[i]);
    free(accounts);
    free(lines);
    accounts = NULL;
    lines = NULL;
    n_accounts = n_lines = 0;
    last_seq = 0;
}

/* ---- the form of a line ------------------------------------------------------------------------------------- */

static void check_keys(json_t *line, const char *text)
{
    static const char *const order[] = { "seq",  "time", "connector", "action", "uuid", "dn",     "address",
                                         "from", "set",  "clear",     "add",    "remove", "cause", "phase" };
    const char *key;
    json_t *value;
    size_t at = 0;

    json_object_foreach(line, key, value) {
        while (at < sizeof(order) / sizeof(*order) && strcmp(order[at], key) != 0)
            at++;
        cr_assert_lt(at, sizeof(order) / sizeof(*order), "key %s is unknown or out of order: %s", key, text);
    }
}

static void check_ascending(json_t *array, const char *text)
{
    for (size_t i = 1; i < json_array_size(array); i++)
        cr_assert_lt(strcmp(json_string_value(json_array_get(array, i - 1)), json_string_value(json_array_get(array, i))),
                     0, "not ascending: %s", text);
}

static void check_set(json_t *set, const char *text)
{
    const char *key, *before = "";
    json_t *value;

    json_object_foreach(set, key, value) {
        cr_assert_lt(strcmp(before, key), 0, "set is not ascending: %s", text);
        before = key;
        if (strcmp(key, "aliases") == 0)
            check_ascending(value, text);
        else
            cr_assert_gt(json_string_length(value), 0, "an empty value: %s", text);
    }
}

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &e);

    cr_assert_not_null(line, "%s: %s", e.text, text);
    check_keys(line, text);
    cr_assert_eq((uint64_t)json_integer_value(json_object_get(line, "seq")), last_seq + 1, "after %llu: %s",
                 (unsigned long long)last_seq, text);
    last_seq++;
    cr_assert_str_eq(json_string_value(json_object_get(line, "connector")), "corp");
    check_set(json_object_get(line, "set"), text);
    check_ascending(json_object_get(line, "clear"), text);
    return line;
}

/* ---- what it does to the accounts --------------------------------------------------------------------------- */

static const char *text_of(json_t *line, const char *key)
{
    const char *s = json_string_value(json_object_get(line, key));

    return s ? s : "";
}

static struct account *find(const char *uuid)
{
    for (size_t i = 0; i < n_accounts; i++)
        if (strcmp(accounts[i].uuid, uuid) == 0)
            return &accounts[i];
    return NULL;
}

static bool in_array(json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return true;
    return false;
}

/* Whether an address is taken, by whomever but as an alias of `but`. */
static bool is_taken(const char *address, const struct account *but)
{
    for (size_t i = 0; i < n_accounts; i++)
        if (strcmp(accounts[i].address, address) == 0 ||
            (&accounts[i] != but && in_array(json_object_get(accounts[i].set, "aliases"), address)))
            return true;
    return false;
}

static void check_aliases(json_t *line, const struct account *of, const char *text)
{
    json_t *aliases = json_object_get(json_object_get(line, "set"), "aliases");

    for (size_t i = 0; i < json_array_size(aliases); i++)
        cr_assert(!is_taken(json_string_value(json_array_get(aliases, i)), of), "the alias %s is taken: %s",
                  json_string_value(json_array_get(aliases, i)), text);
}

static void clear_fields(json_t *line, struct account *a, const char *text)
{
    json_t *clear = json_object_get(line, "clear");

    for (size_t i = 0; i < json_array_size(clear); i++)
        cr_assert_eq(json_object_del(a->set, json_string_value(json_array_get(clear, i))), 0,
                     "it has no %s to clear: %s", json_string_value(json_array_get(clear, i)), text);
}

/* What was kept of it, or nothing. */
static struct account take_kept(const char *uuid, const char *address)
{
    struct account a;

    for (size_t i = 0; i < n_kept; i++)
        if (strcmp(kept[i].uuid, uuid) == 0) {
            a = kept[i];
            kept[i] = kept[--n_kept];
            free(a.address);
            a.address = strdup(address);
            a.returned = true;
            return a;
        }
    return (struct account){ .address = strdup(address), .set = json_object(), .members = json_object() };
}

static void create(json_t *line, const char *text)
{
    struct account a = take_kept(text_of(line, "uuid"), text_of(line, "address"));

    cr_assert_null(find(text_of(line, "uuid")), "it is there already: %s", text);
    cr_assert(!is_taken(a.address, NULL), "the address is taken: %s", text);
    snprintf(a.uuid, sizeof(a.uuid), "%s", text_of(line, "uuid"));
    if ((n_accounts & (n_accounts - 1)) == 0)
        accounts = realloc(accounts, (n_accounts ? n_accounts * 2 : 1) * sizeof(*accounts));
    accounts[n_accounts++] = a;
    check_aliases(line, &accounts[n_accounts - 1], text);
    json_object_update(accounts[n_accounts - 1].set, json_object_get(line, "set"));
    clear_fields(line, &accounts[n_accounts - 1], text);
}

static struct account *known(json_t *line, const char *address_key, const char *text)
{
    struct account *a = find(text_of(line, "uuid"));

    cr_assert_not_null(a, "it is not there: %s", text);
    cr_assert_str_eq(a->address, text_of(line, address_key), "its address is %s: %s", a->address, text);
    return a;
}

static void update(json_t *line, const char *text)
{
    struct account *a = known(line, "address", text);
    json_t *clear = json_object_get(line, "clear");

    cr_assert(json_object_size(json_object_get(line, "set")) || json_array_size(clear), "it does nothing: %s", text);
    check_aliases(line, a, text);
    json_object_update(a->set, json_object_get(line, "set"));
    clear_fields(line, a, text);
}

static void rename_account(json_t *line, const char *text)
{
    struct account *a = known(line, "from", text);

    cr_assert(!is_taken(text_of(line, "address"), NULL), "the address is taken: %s", text);
    free(a->address);
    a->address = strdup(text_of(line, "address"));
}

/* Only the uuid changes: docs/actions.md. */
static void rebind(json_t *line, const char *text)
{
    struct account *a = find(text_of(line, "from"));

    cr_assert_not_null(a, "it is not there: %s", text);
    cr_assert_null(find(text_of(line, "uuid")), "the new one is there already: %s", text);
    cr_assert_str_eq(a->address, text_of(line, "address"), "its address is %s: %s", a->address, text);
    cr_assert(!json_object_get(line, "set") && !json_object_get(line, "clear"), "%s", text);
    snprintf(a->uuid, sizeof(a->uuid), "%s", text_of(line, "uuid"));
}

static bool is_kept(const char *uuid)
{
    for (size_t i = 0; i < n_kept; i++)
        if (strcmp(kept[i].uuid, uuid) == 0)
            return true;
    return false;
}

/* Of one that left, again when it is deleted. */
static void delete(json_t *line, const char *text)
{
    struct account *a;

    if (is_kept(text_of(line, "uuid"))) {
        cr_assert_str_eq(text_of(line, "cause"), "absent", "%s", text);
        return;
    }
    a = known(line, "address", text);

    if (target_keeps) {
        kept = realloc(kept, (n_kept + 1) * sizeof(*kept));
        kept[n_kept++] = *a;
    } else {
        drop_account(a);
    }
    *a = accounts[--n_accounts];
}

static void change_members(json_t *line, const char *text)
{
    struct account *a = known(line, "address", text);
    json_t *add = json_object_get(line, "add"), *remove = json_object_get(line, "remove");
    size_t n = json_array_size(add) + json_array_size(remove);

    cr_assert(n > 0 && n <= 1000, "%zu addresses: %.200s", n, text);
    check_ascending(add, text);
    check_ascending(remove, text);
    for (size_t i = 0; i < json_array_size(remove); i++)
        cr_assert_eq(json_object_del(a->members, json_string_value(json_array_get(remove, i))), 0,
                     "%s is no member: %.200s", json_string_value(json_array_get(remove, i)), text);
    for (size_t i = 0; i < json_array_size(add); i++) {
        const char *member = json_string_value(json_array_get(add, i));

        cr_assert(a->returned || !json_object_get(a->members, member), "%s is a member already: %.200s", member, text);
        json_object_set_new(a->members, member, json_true());
    }
}

/* Groups are accounts here: the rules of addresses are the same. */
static void apply(json_t *line, const char *text)
{
    const char *action = strchr(text_of(line, "action"), '.') + 1;

    if (strcmp(action, "create") == 0)
        create(line, text);
    else if (strcmp(action, "update") == 0)
        update(line, text);
    else if (strcmp(action, "rename") == 0)
        rename_account(line, text);
    else if (strcmp(action, "rebind") == 0)
        rebind(line, text);
    else if (strcmp(action, "delete") == 0)
        delete(line, text);
    else if (strcmp(action, "members") == 0)
        change_members(line, text);
    else
        cr_assert_fail("%s", text);
}

/* ---- lines as expectations write them ----------------------------------------------------------------------- */

static void put_set(struct buf *b, json_t *set)
{
    const char *key;
    json_t *value;

    json_object_foreach(set, key, value) {
        buf_printf(b, " %s=", key);
        if (json_is_string(value))
            buf_puts(b, json_string_value(value));
        for (size_t i = 0; i < json_array_size(value); i++)
            buf_printf(b, "%s%s", i ? "," : "", json_string_value(json_array_get(value, i)));
    }
}

/* The first three, and how many more there are. */
static void put_members(struct buf *b, char sign, json_t *array)
{
    size_t n = json_array_size(array);

    for (size_t i = 0; i < n && i < 3; i++)
        buf_printf(b, " %c%s", sign, json_string_value(json_array_get(array, i)));
    if (n > 3)
        buf_printf(b, " %c%zu more", sign, n - 3);
}

static char *shorten(json_t *line)
{
    struct buf b = { 0 };
    json_t *clear = json_object_get(line, "clear");
    const char *action = text_of(line, "action");
    char *text;

    buf_printf(&b, "%s %s", strncmp(action, "account.", 8) == 0 ? action + 8 : action, text_of(line, "address"));
    if (*text_of(line, "from"))
        buf_printf(&b, " < %s", text_of(line, "from"));
    put_set(&b, json_object_get(line, "set"));
    for (size_t i = 0; i < json_array_size(clear); i++)
        buf_printf(&b, " -%s", json_string_value(json_array_get(clear, i)));
    put_members(&b, '+', json_object_get(line, "add"));
    put_members(&b, '-', json_object_get(line, "remove"));
    buf_printf(&b, " (%s, %s)", text_of(line, "cause"), text_of(line, "phase"));
    text = strdup(buf_str(&b));
    buf_free(&b);
    return text;
}

void target_line(struct slice raw)
{
    char *text = strndup(raw.p, raw.len);
    json_t *line = parse(text);

    apply(line, text);
    lines = realloc(lines, (n_lines + 1) * sizeof(*lines));
    lines[n_lines++] = shorten(line);
    json_decref(line);
    free(text);
}

static void forget_lines(void)
{
    for (size_t i = 0; i < n_lines; i++)
        free(lines[i]);
    n_lines = 0;
}

void expect(const char *line, ...)
{
    size_t i = 0;
    va_list ap;

    va_start(ap, line);
    for (; line; line = va_arg(ap, const char *), i++) {
        cr_assert_lt(i, n_lines, "no more lines, expected: %s", line);
        cr_assert_str_eq(lines[i], line);
    }
    va_end(ap);
    cr_assert_eq(i, n_lines, "an unexpected line: %s", i < n_lines ? lines[i] : "");
    forget_lines();
}

void expect_nothing(void)
{
    cr_assert_eq(n_lines, 0u, "%zu unexpected lines: %s …", n_lines, n_lines ? lines[0] : "");
}

void expect_any(void)
{
    forget_lines();
}

void expect_first(const char *begin)
{
    cr_assert_gt(n_lines, 0u, "no lines, expected: %s", begin);
    cr_assert(strncmp(lines[0], begin, strlen(begin)) == 0, "%s", lines[0]);
}

void expect_many(size_t n, const char *begin)
{
    cr_assert_eq(n_lines, n, "%zu lines, expected %zu of \"%s …\"; the last: %s", n_lines, n, begin,
                 n_lines ? lines[n_lines - 1] : "");
    for (size_t i = 0; i < n_lines; i++)
        cr_assert(strncmp(lines[i], begin, strlen(begin)) == 0, "%s", lines[i]);
    forget_lines();
}

/* ---- the comparison at the end ------------------------------------------------------------------------------ */

static void compare_aliases(const struct account *a, const struct object *o)
{
    json_t *aliases = json_object_get(a->set, "aliases");

    cr_assert_eq(json_array_size(aliases), o->n_aliases, "%s", a->address);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        cr_assert(slice_eq(o->aliases[i], slice_of(json_string_value(json_array_get(aliases, i)))), "%s", a->address);
}

static void compare_members(struct txn *t, const struct account *a, const struct object *o)
{
    struct arena arena = { 0 };
    struct buf next = { 0 };
    struct slice address;
    uint32_t live;
    size_t n = 0;

    while (told_next(t, o->uuid, &next, &address, &live, &arena)) {
        cr_assert_not_null(json_object_get(a->members, address.p), "%s: %s is no member there", a->address, address.p);
        n++;
    }
    cr_assert_eq(json_object_size(a->members), n, "%s has members that the state does not know", a->address);
    buf_free(&next);
    arena_free(&arena);
}

static void compare(const struct account *a, const struct object *o)
{
    cr_assert(slice_eq(o->address, slice_of(a->address)), "%.*s is %s there", SLICE_ARG(o->address), a->address);
    for (uint32_t i = 0; i < o->n_fields; i++)
        cr_assert(slice_eq(o->fields[i].value,
                           slice_of(json_string_value(json_object_get(a->set, field_name(o->fields[i].field))))),
                  "%s: %s", a->address, field_name(o->fields[i].field));
    cr_assert_eq(json_object_size(a->set), o->n_fields + (o->n_aliases > 0), "%s", a->address);
    compare_aliases(a, o);
}

void target_compare(struct txn *t)
{
    struct arena arena = { 0 };
    struct slice key, v;
    struct object o;
    struct walk w;
    size_t n = 0;

    walk_begin(&w, t, TABLE_OBJECT);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        char uuid[UUID_TEXT];
        struct account *a;

        cr_assert_eq(object_decode(v, &o, &arena), 0);
        if (o.state == OBJECT_GONE)
            continue;
        a = find(uuid_format(o.uuid, uuid));
        cr_assert_not_null(a, "%.*s is mirrored and was never told", SLICE_ARG(o.address));
        compare(a, &o);
        compare_members(t, a, &o);
        n++;
    }
    walk_end(&w);
    arena_free(&arena);
    cr_assert_eq(n, n_accounts, "%zu are mirrored, %zu were told", n, n_accounts);
}
