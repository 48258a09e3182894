#include "world.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- records: rows in memory, twice ------------------------------------------------------------------------------ */

struct row {
    uint8_t uuid[UUID_BYTES];
    char *address;
    int64_t due_ms;
    struct buf bytes, also;
};

struct world_rows {
    struct row *p;
    size_t n;
};

static void free_row(struct row *r)
{
    free(r->address);
    buf_free(&r->bytes);
    buf_free(&r->also);
}

static void free_rows(struct world_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free_row(&rows->p[i]);
    free(rows->p);
    *rows = (struct world_rows){0};
}

static struct row *find_row(struct world_rows *rows, const uint8_t *uuid)
{
    for (size_t i = 0; i < rows->n; i++)
        if (memcmp(rows->p[i].uuid, uuid, UUID_BYTES) == 0)
            return &rows->p[i];
    return NULL;
}

static void drop_row(struct world_rows *rows, const uint8_t *uuid)
{
    struct row *r = find_row(rows, uuid);

    if (r == NULL)
        return;
    free_row(r);
    *r = rows->p[--rows->n];
}

static void put_row(struct world_rows *rows, const uint8_t *uuid, struct slice address, struct slice also,
                    int64_t due_ms, struct slice bytes)
{
    struct row *r;

    drop_row(rows, uuid);
    rows->p = mem_realloc(rows->p, (rows->n + 1) * sizeof(*rows->p));
    r = &rows->p[rows->n++];
    *r = (struct row){.address = mem_printf("%.*s", SLICE_ARG(address)), .due_ms = due_ms};
    memcpy(r->uuid, uuid, UUID_BYTES);
    buf_add_slice(&r->bytes, bytes);
    buf_add_slice(&r->also, also);
}

static void copy_rows(struct world_rows *to, const struct world_rows *from)
{
    free_rows(to);
    for (size_t i = 0; i < from->n; i++)
        put_row(to, from->p[i].uuid, slice_of(from->p[i].address), buf_slice(&from->p[i].also), from->p[i].due_ms,
                buf_slice(&from->p[i].bytes));
}

static bool records_get(void *ctx, const uint8_t *uuid, struct slice *bytes, struct arena *a)
{
    struct world *w = ctx;
    struct row *r = find_row(w->now, uuid);

    if (r)
        *bytes = arena_copy(a, r->bytes.p, r->bytes.len);
    return r != NULL;
}

static bool leads_to(const struct row *r, struct slice address)
{
    struct reader also = reader_of(buf_slice(&r->also));
    bool found = slice_eq(slice_of(r->address), address);

    while (!found && also.left && !also.bad)
        found = slice_eq(read_bytes(&also), address);
    return found;
}

static bool records_at(void *ctx, struct slice address, uint8_t *uuid)
{
    struct world *w = ctx;

    for (size_t i = 0; i < w->now->n; i++)
        if (leads_to(&w->now->p[i], address)) {
            memcpy(uuid, w->now->p[i].uuid, UUID_BYTES);
            return true;
        }
    return false;
}

static void records_put(void *ctx, const uint8_t *uuid, struct slice address, struct slice also, int64_t due_ms,
                        struct slice bytes)
{
    put_row(((struct world *)ctx)->now, uuid, address, also, due_ms, bytes);
}

static void records_del(void *ctx, const uint8_t *uuid)
{
    drop_row(((struct world *)ctx)->now, uuid);
}

static int records_sync(void *ctx, struct err *e)
{
    struct world *w = ctx;

    (void)e;
    copy_rows(w->disk, w->now);
    return 0;
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

static void new_sink(struct world *w)
{
    w->sink = sink_axigen_new("mail", "corp/mail", &w->settings, &w->records, &w->stop);
}

struct world *world_new(const char *const *switches)
{
    struct world *w = mem_alloc(sizeof(*w));
    const char *all[64] = {"--domain", "example.com", "--domain", "other.org"};
    size_t n = 4;

    signal(SIGPIPE, SIG_IGN);
    while (switches && *switches)
        all[n++] = *switches++;
    w->emulator = emulator_start(all);
    w->settings = (struct axigen_settings){.host = "127.0.0.1",
                                           .port = (int)emulator_port(w->emulator),
                                           .ca_file = "",
                                           .user = "admin",
                                           .password = "secret",
                                           .timeout_s = 20,
                                           .depth = 64,
                                           .delete_policy = AXIGEN_REMOVE,
                                           .leave_policy = AXIGEN_DISABLE,
                                           .move_policy = AXIGEN_KEEP,
                                           .retention_s = 3600};
    w->records = (struct sink_records){w, records_get, records_at, records_put, records_del, records_sync};
    w->now = mem_alloc(sizeof(*w->now));
    w->disk = mem_alloc(sizeof(*w->disk));
    new_sink(w);
    return w;
}

void world_free(struct world **w)
{
    sink_free(&(*w)->sink);
    emulator_stop(&(*w)->emulator);
    free_rows((*w)->now);
    free_rows((*w)->disk);
    free((*w)->now);
    free((*w)->disk);
    arena_free(&(*w)->arena);
    free(*w);
    *w = NULL;
}

void world_crash(struct world *w)
{
    sink_free(&w->sink);
    copy_rows(w->now, w->disk);
    new_sink(w);
}

static void remove_all(struct world *w, const char *domain, const char *kind, json_t *objects)
{
    const char *key;
    json_t *o;

    json_object_foreach(objects, key, o) emulator_control(w->emulator, "remove %s %s %s", domain, kind, key);
}

void world_empty(struct world *w)
{
    json_t *dump, *d;
    const char *name;

    free_rows(w->now);
    free_rows(w->disk);
    world_crash(w);
    emulator_control(w->emulator, "clear rules");
    dump = emulator_dump(w->emulator);
    json_object_foreach(json_object_get(dump, "domains"), name, d)
    {
        remove_all(w, name, "accounts", json_object_get(d, "accounts"));
        remove_all(w, name, "groups", json_object_get(d, "groups"));
    }
    json_decref(dump);
    arena_reset(&w->arena);
    w->seq = 0;
    w->downs = 0;
}

/* ---- actions ----------------------------------------------------------------------------------------------------- */

const uint8_t *uuid_of(int who)
{
    static uint8_t uuids[4][UUID_BYTES];
    static int next;
    uint8_t *u = uuids[next++ % 4];

    memset(u, 0xaa, UUID_BYTES);
    u[14] = (uint8_t)(who >> 8);
    u[15] = (uint8_t)who;
    return u;
}

const char *uuid_text(int who)
{
    static char texts[4][UUID_TEXT];
    static int next;

    return uuid_format(uuid_of(who), texts[next++ % 4]);
}

static struct slice keep(struct world *w, const char *text)
{
    return arena_copy(&w->arena, text, strlen(text));
}

struct action *make(struct world *w, enum action_type type, int who, const char *address)
{
    struct action *a = arena_alloc(&w->arena, sizeof(*a));

    a->seq = ++w->seq;
    a->type = type;
    a->uuid = (const uint8_t *)arena_copy(&w->arena, uuid_of(who), UUID_BYTES).p;
    a->address = keep(w, address);
    a->cause = CAUSE_ADD;
    return a;
}

static void *grown(struct world *w, const void *old, size_t n, size_t size)
{
    void *more = arena_alloc(&w->arena, (n + 1) * size);

    if (n)
        memcpy(more, old, n * size);
    return more;
}

void set(struct world *w, struct action *a, const char *field, const char *value)
{
    struct object_field *more = grown(w, a->set, a->n_set, sizeof(*more));

    more[a->n_set++] = (struct object_field){field_intern(slice_of(field)), keep(w, value)};
    a->set = more;
}

void clear(struct world *w, struct action *a, const char *field)
{
    field_id *more = grown(w, a->clear, a->n_clear, sizeof(*more));

    more[a->n_clear++] = field_intern(slice_of(field));
    a->clear = more;
}

void alias(struct world *w, struct action *a, const char *address)
{
    struct slice *more = grown(w, a->set_aliases, a->n_set_aliases, sizeof(*more));

    more[a->n_set_aliases++] = keep(w, address);
    a->set_aliases = more;
}

void member(struct world *w, struct action *a, bool add, const char *address)
{
    struct slice *more = grown(w, add ? a->add : a->remove, add ? a->n_add : a->n_remove, sizeof(*more));

    more[add ? a->n_add++ : a->n_remove++] = keep(w, address);
    if (add)
        a->add = more;
    else
        a->remove = more;
}

struct action *create(struct world *w, int who, const char *address, const char *first_name)
{
    struct action *a = make(w, ACTION_ACCOUNT_CREATE, who, address);

    set(w, a, "contactInfo.firstName", first_name);
    return a;
}

struct action *rename_to(struct world *w, int who, const char *from, const char *to)
{
    struct action *a = make(w, ACTION_ACCOUNT_RENAME, who, to);

    a->from = keep(w, from);
    a->cause = CAUSE_MODIFY;
    return a;
}

struct action *delete_of(struct world *w, int who, const char *address, enum cause cause)
{
    struct action *a = make(w, ACTION_ACCOUNT_DELETE, who, address);

    a->cause = cause;
    return a;
}

/* ---- the engine -------------------------------------------------------------------------------------------------- */

struct sink_item items[BATCH_MAX];
size_t under_way;

enum sink_result apply(struct world *w, struct action *const *actions, size_t n, const bool *again, struct err *e)
{
    enum sink_result r;

    for (size_t i = 0; i < n; i++)
        items[i] = (struct sink_item){.seq = actions[i]->seq,
                                      .action = actions[i],
                                      .first = w->first,
                                      .adopt = w->adopt,
                                      .back = w->back,
                                      .again = again && again[i]};
    under_way = SIZE_MAX;
    r = w->sink->class->apply(w->sink, items, n, &under_way, e);
    cr_assert_leq(under_way, n);
    if (r == SINK_OK) {
        copy_rows(w->disk, w->now);
        for (size_t i = 0; i < n; i++)
            cr_assert_neq(items[i].outcome, OUTCOME_UNKNOWN);
    } else {
        w->downs++;
        copy_rows(w->now, w->disk);
    }
    return r;
}

void expect_outcome(struct world *w, struct action *a, enum outcome outcome, const char *words)
{
    struct err e = {0};

    cr_assert_eq(apply(w, &a, 1, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(items[0].outcome, outcome, "%s of %.*s ended %d: %.*s", action_type_name(a->type),
                 SLICE_ARG(a->address), (int)items[0].outcome, SLICE_ARG(items[0].words));
    if (words)
        cr_assert_not_null(memmem(items[0].words.p, items[0].words.len, words, strlen(words)), "%.*s",
                           SLICE_ARG(items[0].words));
    else
        cr_assert_eq(items[0].words.len, 0u, "%.*s", SLICE_ARG(items[0].words));
}

void expect_done(struct world *w, struct action *a)
{
    expect_outcome(w, a, OUTCOME_DONE, NULL);
}

/* What of a batch is left to do, moved to its beginning. */
static size_t left_over(struct action **todo, size_t n, bool down)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++)
        if (down || items[i].outcome != OUTCOME_DONE)
            todo[left++] = todo[i];
    return left;
}

static void deliver_batch(struct world *w, struct action *const *actions, size_t n)
{
    static struct action *todo[BATCH_MAX];
    static bool again[BATCH_MAX];
    struct err e = {0};

    memcpy(todo, actions, n * sizeof(struct action *));
    memset(again, 0, sizeof(again));
    for (int tries = 0; n > 0; tries++) {
        enum sink_result r = apply(w, todo, n, again, &e);
        size_t before = n;

        cr_assert_lt(tries, 400, "%s of %.*s never ends: %.*s (%s)", action_type_name(todo[0]->type),
                     SLICE_ARG(todo[0]->address), SLICE_ARG(items[0].words), e.text);
        n = left_over(todo, before, r != SINK_OK);
        memset(again, r != SINK_OK, sizeof(again));
        if (r != SINK_OK)
            world_crash(w);
    }
}

void deliver(struct world *w, struct action *const *actions, size_t n, size_t batch)
{
    size_t size = batch ? batch : 1;

    for (size_t i = 0; i < n; i += size)
        deliver_batch(w, actions + i, n - i < size ? n - i : size);
}

/* ---- what is to be seen ------------------------------------------------------------------------------------------ */

static void strip(json_t *objects, bool accounts)
{
    const char *key;
    json_t *o;

    json_object_foreach(objects, key, o)
    {
        json_object_del(o, "id");
        json_object_del(o, "password");
        if (accounts && json_object_get(o, "mail")) {
            const char *mail = json_string_value(json_object_get(o, "mail"));

            json_object_set_new(o, "mail", json_stringn(mail, strcspn(mail, ",")));
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static void sort_strings(json_t *array)
{
    size_t n = json_array_size(array);
    json_t *list[64];

    cr_assert_leq(n, 64u);
    for (size_t i = 0; i < n; i++)
        list[i] = json_incref(json_array_get(array, i));
    qsort(list, n, sizeof(list[0]), by_text);
    json_array_clear(array);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, list[i]);
}

char *state_of(struct world *w)
{
    json_t *dump = emulator_dump(w->emulator), *domains = json_object_get(dump, "domains"), *d, *account;
    const char *key, *name;
    char *text;

    json_object_foreach(domains, key, d)
    {
        strip(json_object_get(d, "accounts"), true);
        strip(json_object_get(d, "groups"), false);
        json_object_foreach(json_object_get(d, "accounts"), name, account)
            sort_strings(json_object_get(account, "aliases"));
    }
    text = json_dumps(domains, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(dump);
    return text;
}

static json_t *object_at(struct world *w, bool group, const char *address)
{
    const char *at = strchr(address, '@');
    char local[400];

    snprintf(local, sizeof(local), "%.*s", (int)(at - address), address);
    return group ? emulator_group(w->emulator, at + 1, local) : emulator_account(w->emulator, at + 1, local);
}

char *part_of(struct world *w, bool group, const char *address, const char *path)
{
    json_t *o = object_at(w, group, address), *part = o;
    char step[64], *text;

    if (o == NULL)
        return NULL;
    while (*path && part) {
        snprintf(step, sizeof(step), "%.*s", (int)strcspn(path, "."), path);
        part = json_object_get(part, step);
        path += strcspn(path, ".");
        path += *path == '.';
    }
    text = part ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : mem_strdup("");
    json_decref(o);
    return text;
}

static void expect_path(struct world *w, bool group, const char *address, const char *path, const char *json)
{
    char *text = part_of(w, group, address, path);

    cr_assert_not_null(text, "%s is not there", address);
    cr_assert_str_eq(text, json, "%s of %s is %s", path, address, text);
    free(text);
}

void expect_part(struct world *w, const char *address, const char *path, const char *json)
{
    expect_path(w, false, address, path, json);
}

void expect_group_part(struct world *w, const char *address, const char *path, const char *json)
{
    expect_path(w, true, address, path, json);
}

void expect_absent(struct world *w, const char *address)
{
    json_t *a = object_at(w, false, address), *g = object_at(w, true, address);

    cr_assert(a == NULL && g == NULL, "%s is there", address);
}

void expect_mail_of(struct world *w, const char *address, const char *made_as)
{
    char *text = part_of(w, false, address, "mail"), expected[400];

    snprintf(expected, sizeof(expected), "\"mail of %s", made_as);
    cr_assert_not_null(text, "%s is not there", address);
    cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s has the %s", address, text);
    free(text);
}

bool record_of(struct world *w, int who, struct axigen_record *r)
{
    struct row *row = find_row(w->now, uuid_of(who));

    if (row)
        cr_assert_eq(axigen_record_decode(buf_slice(&row->bytes), r, &w->arena), 0);
    return row != NULL;
}

int64_t due_of(struct world *w, int who)
{
    struct row *row = find_row(w->now, uuid_of(who));

    return row ? row->due_ms : -1;
}

void by_hand(struct world *w, const char *domain, const char *tree)
{
    char text[4096];

    snprintf(text, sizeof(text), "merge {\"domains\":{\"%s\":%s}}", domain, tree);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    emulator_control(w->emulator, "%s", text);
}
