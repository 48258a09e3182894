#include "axsync_axigen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "axsync_internal.h"

#define DOMAIN "example.com"

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void write_text(struct axsync *a, const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    CHECK(a, f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s can't be written", path);
    chmod(path, 0600);
}

void stage_configure(struct stage *s, const char *keys, const char *overrides, bool mail)
{
    char *old[] = {s->keys, s->overrides}, *text;

    s->keys = axsync_i_text("%s", keys ? keys : "");
    s->overrides = axsync_i_text("%s", overrides ? overrides : "");
    text = axsync_i_text("%s\nattribute \"carLicense\" { field = \"aliases\" }\n"
                         "sink \"journal\" { type = \"file\"  path = \"%s\" }\n",
                         s->overrides, s->a->output);
    if (mail) {
        char *both = axsync_i_text("%ssink \"mail\" { type = \"axigen\"  port = %u  passwordFile = \"%s\"  timeout = 10\n%s }\n",
                                   text, emulator_port(s->e), s->password_file, s->keys);

        free(text);
        text = both;
    }
    axsync_configure(s->a, text);
    free(text);
    free(old[0]);
    free(old[1]);
}

struct stage *stage_new(struct slapdtest *server, const char *keys, const char *overrides)
{
    struct stage *s = calloc(1, sizeof(*s));

    s->a = axsync_new(server, NULL);
    s->password_file = axsync_i_text("%s/axigen.secret", s->a->folder);
    s->state_file = axsync_i_text("%s/axigen.json", s->a->folder);
    write_text(s->a, s->password_file, AXIGEN_PASSWORD "\n");
    s->e = emulator_start((const char *const[]){"--domain", DOMAIN, "--password", AXIGEN_PASSWORD, "--state",
                                                s->state_file, NULL});
    stage_configure(s, keys, overrides, true);
    return s;
}

/* Nobody reads a password anywhere, and what was told to the server was what it understands, where it was meant. */
static void check_always(struct stage *s)
{
    char *log = axsync_file(s->a->log);

    CHECK(s->a, strstr(log, AXIGEN_PASSWORD) == NULL, "the administrator's password is in the log");
    CHECK(s->a, strstr(log, AXSYNC_READER_PW) == NULL, "the directory's password is in the log");
    CHECK(s->a, emulator_counter(s->e, "unknown") == 0, "a command that Axigen does not know");
    CHECK(s->a, emulator_counter(s->e, "malformed") == 0, "a command that is none");
    CHECK(s->a, emulator_counter(s->e, "domainSettings") == 0, "a setting of the domain was changed");
    free(log);
}

void stage_free(struct stage **sp)
{
    struct stage *s = *sp;

    if (s->a->pid)
        axsync_stop(s->a);
    check_always(s);
    emulator_stop(&s->e);
    axsync_free(&s->a);
    free(s->password_file);
    free(s->state_file);
    free(s->keys);
    free(s->overrides);
    free(s);
    *sp = NULL;
}

/* ---- status ---------------------------------------------------------------------------------------------------- */

json_int_t stage_number(struct stage *s, const char *key)
{
    json_t *connector = axsync_peek(s->a), *sink;
    json_int_t n = -1;
    size_t i;

    json_array_foreach(json_object_get(connector, "sinks"), i, sink)
        if (strcmp(axsync_text(sink, "name"), "mail") == 0)
            n = json_integer_value(json_object_get(sink, key));
    json_decref(connector);
    return n;
}

struct number {
    struct stage *s;
    const char *key;
    json_int_t n;
};

static bool number_is(struct axsync *a, void *ctx)
{
    const struct number *w = ctx;

    (void)a;
    return stage_number(w->s, w->key) == w->n;
}

void stage_await_number(struct stage *s, const char *key, json_int_t n)
{
    struct number w = {s, key, n};
    char *what = axsync_i_text("%lld %s", (long long)n, key);

    axsync_await(s->a, what, number_is, &w);
    free(what);
}

/* ---- mailboxes ------------------------------------------------------------------------------------------------- */

static void put_fields(json_t *set, const json_t *account, const char *context)
{
    json_t *fields = json_object_get(account, context), *value;
    const char *name;

    json_object_foreach(fields, name, value) {
        char *field = axsync_i_text("%s.%s", context, name);

        json_object_set(set, field, value);
        free(field);
    }
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_aliases(json_t *set, const json_t *account)
{
    json_t *aliases = json_object_get(account, "aliases"), *sorted, *alias;
    size_t n = json_array_size(aliases), i;
    char **texts = calloc(n + 1, sizeof(*texts));

    json_array_foreach(aliases, i, alias)
        texts[i] = axsync_i_text("%s@" DOMAIN, json_string_value(alias));
    qsort(texts, n, sizeof(*texts), by_bytes);
    sorted = json_array();
    for (i = 0; i < n; i++) {
        json_array_append_new(sorted, json_string(texts[i]));
        free(texts[i]);
    }
    if (n > 0)
        json_object_set(set, "aliases", sorted);
    json_decref(sorted);
    free(texts);
}

static bool is_away(const char *name, const json_t *account)
{
    json_t *services = json_object_get(json_object_get(account, "limits"), "services");

    return strncmp(name, "axsync-", 7) == 0 || (services != NULL && json_array_size(services) == 0);
}

json_t *stage_mailboxes(struct stage *s)
{
    json_t *dump = emulator_dump(s->e), *table = json_object(), *account;
    json_t *domain = json_object_get(json_object_get(dump, "domains"), DOMAIN);
    const char *name;

    json_object_foreach(json_object_get(domain, "accounts"), name, account) {
        json_t *set = json_object();
        json_t *mark = json_object_get(json_object_get(account, "settings"), "customerReference");
        char *address = axsync_i_text("%s@" DOMAIN, name);

        put_fields(set, account, "contactInfo");
        put_aliases(set, account);
        if (!is_away(name, account))
            json_object_set_new(table, address, json_pack("{s:s?,s:O}", "uuid", json_string_value(mark), "set", set));
        json_decref(set);
        free(address);
    }
    json_decref(dump);
    return table;
}

struct mailboxes {
    struct stage *s;
    int64_t deadline;
};

static bool mailboxes_are(struct axsync *a, void *ctx)
{
    const struct mailboxes *w = ctx;
    struct directory_view view = {.aliases = "carLicense"};
    json_t *should = directory_accounts(a->server, &view, 0), *is = stage_mailboxes(w->s);
    char *difference = target_difference(is, should);

    json_decref(should);
    json_decref(is);
    CHECK(a, difference == NULL || axsync_now_ms() < w->deadline, "the mailboxes are not what the directory says: %s",
          difference);
    free(difference);
    return difference == NULL;
}

void stage_await_mailboxes(struct stage *s)
{
    struct mailboxes w = {s, axsync_now_ms() + AXSYNC_PATIENCE_MS - 5000};

    axsync_await(s->a, "the mailboxes are what the directory says", mailboxes_are, &w);
}

/* ---- one account ----------------------------------------------------------------------------------------------- */

struct account {
    struct stage *s;
    const char *name, *path, *value;
    bool there;
};

static bool account_is(struct axsync *a, void *ctx)
{
    const struct account *w = ctx;
    json_t *account = emulator_account(w->s->e, DOMAIN, w->name);

    (void)a;
    json_decref(account);
    return (account != NULL) == w->there;
}

void stage_await_account(struct stage *s, const char *name, bool there)
{
    struct account w = {.s = s, .name = name, .there = there};
    char *what = axsync_i_text("account %s is %s", name, there ? "there" : "gone");

    axsync_await(s->a, what, account_is, &w);
    free(what);
}

char *stage_value(struct stage *s, const char *name, const char *path)
{
    json_t *account = emulator_account(s->e, DOMAIN, name), *value = account;
    char *copy = axsync_i_text("%s", path), *rest = NULL, *text;

    for (char *key = strtok_r(copy, ".", &rest); key != NULL; key = strtok_r(NULL, ".", &rest))
        value = json_object_get(value, key);
    if (json_is_string(value))
        text = axsync_i_text("%s", json_string_value(value));
    else if ((text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT)) == NULL)
        text = axsync_i_text("%s", "");
    json_decref(account);
    free(copy);
    return text;
}

static bool value_is(struct axsync *a, void *ctx)
{
    const struct account *w = ctx;
    char *text = stage_value(w->s, w->name, w->path);
    bool is = strcmp(text, w->value) == 0;

    (void)a;
    free(text);
    return is;
}

void stage_await_value(struct stage *s, const char *name, const char *path, const char *value)
{
    struct account w = {.s = s, .name = name, .path = path, .value = value};
    char *what = axsync_i_text("%s of account %s is \"%s\"", path, name, value);

    axsync_await(s->a, what, value_is, &w);
    free(what);
}
