#include "axsync_target.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axsync_actions.h"
#include "axsync_internal.h"

#define DIFFERENCES_SHOWN 8

void target_init(struct target *t)
{
    *t = (struct target){.accounts = json_object(), .groups = json_object(), .addresses = json_object(), .owners = json_object(),
                          .left = json_object()};
}

void target_free(struct target *t)
{
    json_decref(t->accounts);
    json_decref(t->groups);
    json_decref(t->addresses);
    json_decref(t->left);
    json_decref(t->owners);
}

void target_copy(struct target *to, const struct target *from)
{
    *to = *from;
    to->accounts = json_deep_copy(from->accounts);
    to->groups = json_deep_copy(from->groups);
    to->addresses = json_deep_copy(from->addresses);
    to->left = json_deep_copy(from->left);
    to->owners = json_deep_copy(from->owners);
}

/* ---- a line by itself --------------------------------------------------------------------------------------- */

/* An action as a line has it; texts belong to the JSON. */
struct act {
    json_t *json;
    const char *action, *uuid, *address, *from, *cause;
    json_t *set, *clear;
};

static int broken(struct target *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int broken(struct target *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(t->error, sizeof(t->error), format, arguments);
    va_end(arguments);
    return -1;
}

static const char *const keys[] = {
    AXSYNC_KEY_SEQ,     AXSYNC_KEY_TIME, AXSYNC_KEY_CONNECTOR, AXSYNC_KEY_ACTION, AXSYNC_KEY_UUID,
    AXSYNC_KEY_DN,      AXSYNC_KEY_ADDRESS, AXSYNC_KEY_FROM,   AXSYNC_KEY_SET,    AXSYNC_KEY_CLEAR,
    AXSYNC_KEY_ADD,     AXSYNC_KEY_REMOVE, AXSYNC_KEY_CAUSE,   AXSYNC_KEY_PHASE,
};
#define KEYS (sizeof(keys) / sizeof(*keys))

static int check_key_order(struct target *t, json_t *json)
{
    const char *key;
    json_t *value;
    size_t at = 0;

    json_object_foreach(json, key, value) {
        while (at < KEYS && strcmp(keys[at], key) != 0)
            at++;
        if (at == KEYS)
            return broken(t, "the key %s is unknown, or not in its place", key);
    }
    return 0;
}

static int check_ascending(struct target *t, const char *what, const char *before, const char *after)
{
    if (before != NULL && strcmp(before, after) >= 0)
        return broken(t, "%s: %s stands before %s", what, before, after);
    return 0;
}

static int check_array(struct target *t, const char *what, const json_t *array)
{
    const char *before = NULL;
    json_t *value;
    size_t i;

    json_array_foreach(array, i, value) {
        if (!json_is_string(value))
            return broken(t, "%s has what is no text", what);
        if (check_ascending(t, what, before, json_string_value(value)) != 0)
            return -1;
        before = json_string_value(value);
    }
    return 0;
}

static int check_set(struct target *t, json_t *set)
{
    const char *before = NULL, *field;
    json_t *value;

    json_object_foreach(set, field, value) {
        if (check_ascending(t, "set", before, field) != 0)
            return -1;
        if (json_is_array(value) && check_array(t, field, value) != 0)
            return -1;
        before = field;
    }
    return 0;
}

/* Nothing but the JSON itself: no blank between its parts, no escape that is not needed. */
static int check_compact(struct target *t, const json_t *json, const char *line, size_t length)
{
    char *compact = json_dumps(json, JSON_COMPACT);
    bool same = compact != NULL && strlen(compact) == length && memcmp(compact, line, length) == 0;

    free(compact);
    return same ? 0 : broken(t, "the line is not in its compact form");
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static int check_seq(struct target *t, const json_t *json)
{
    const json_t *seq = json_object_get(json, AXSYNC_KEY_SEQ);

    if (!json_is_integer(seq) || json_integer_value(seq) != t->seq + 1)
        return broken(t, "after seq %lld comes %lld", (long long)t->seq, (long long)json_integer_value(seq));
    t->seq++;
    return 0;
}

static int check_line(struct target *t, struct act *act, const char *line, size_t length)
{
    act->json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(act->json))
        return broken(t, "the line is no JSON object");
    act->action = text_of(act->json, AXSYNC_KEY_ACTION);
    act->uuid = text_of(act->json, AXSYNC_KEY_UUID);
    act->address = text_of(act->json, AXSYNC_KEY_ADDRESS);
    act->from = text_of(act->json, AXSYNC_KEY_FROM);
    act->cause = text_of(act->json, AXSYNC_KEY_CAUSE);
    act->set = json_object_get(act->json, AXSYNC_KEY_SET);
    act->clear = json_object_get(act->json, AXSYNC_KEY_CLEAR);
    if (act->action == NULL || act->uuid == NULL || act->address == NULL || act->cause == NULL)
        return broken(t, "action, uuid, address or cause is missing");
    if (check_key_order(t, act->json) != 0 || check_compact(t, act->json, line, length) != 0)
        return -1;
    if (check_set(t, act->set) != 0 || check_array(t, AXSYNC_KEY_CLEAR, act->clear) != 0)
        return -1;
    return check_seq(t, act->json);
}

/* ---- addresses and aliases ---------------------------------------------------------------------------------- */

static int own(struct target *t, const char *address, const char *uuid)
{
    const char *owner = text_of(t->owners, address);

    if (owner != NULL)
        return broken(t, "%s is %s's already", address, strcmp(owner, uuid) == 0 ? "this account" : owner);
    json_object_set_new(t->owners, address, json_string(uuid));
    return 0;
}

static int own_aliases(struct target *t, const json_t *aliases, const char *uuid)
{
    json_t *alias;
    size_t i;

    json_array_foreach(aliases, i, alias)
        if (own(t, json_string_value(alias), uuid) != 0)
            return -1;
    return 0;
}

static void disown_aliases(struct target *t, const json_t *aliases)
{
    json_t *alias;
    size_t i;

    json_array_foreach(aliases, i, alias)
        json_object_del(t->owners, json_string_value(alias));
}

/* ---- what an action does ------------------------------------------------------------------------------------ */

/* The table that an action is about. */
static json_t *table(const struct target *t, const struct act *act)
{
    return strncmp(act->action, "group.", 6) == 0 ? t->groups : t->accounts;
}

/* The account that an action is about, which must be there under that address. */
static json_t *known(struct target *t, const struct act *act, const char *address)
{
    const char *known_as = text_of(t->addresses, act->uuid);

    if (known_as == NULL)
        broken(t, "the account is not there");
    else if (address == NULL || strcmp(known_as, address) != 0)
        broken(t, "the account's address is %s", known_as);
    else
        return json_object_get(table(t, act), address);
    return NULL;
}

static int apply_set(struct target *t, const struct act *act, json_t *fields)
{
    const char *field;
    json_t *value;

    json_object_foreach(act->set, field, value) {
        json_t *before = json_object_get(fields, field);

        if (json_equal(before, value))
            return broken(t, "%s is that already", field);
        if (strcmp(field, AXSYNC_FIELD_ALIASES) == 0) {
            disown_aliases(t, before);
            if (own_aliases(t, value, act->uuid) != 0)
                return -1;
        }
        json_object_set(fields, field, value);
    }
    return 0;
}

static int apply_clear(struct target *t, const struct act *act, json_t *fields)
{
    json_t *field;
    size_t i;

    json_array_foreach(act->clear, i, field) {
        const char *name = json_string_value(field);

        if (json_object_get(fields, name) == NULL)
            return broken(t, "%s has no value to be cleared", name);
        if (strcmp(name, AXSYNC_FIELD_ALIASES) == 0)
            disown_aliases(t, json_object_get(fields, name));
        json_object_del(fields, name);
    }
    return 0;
}

static int create(struct target *t, const struct act *act)
{
    json_t *account;

    if (act->clear != NULL)
        return broken(t, "it clears what a new account can't have");
    if (text_of(t->addresses, act->uuid) != NULL)
        return broken(t, "the account is there already, as %s", text_of(t->addresses, act->uuid));
    if (own(t, act->address, act->uuid) != 0)
        return -1;
    account = json_pack("{s:s,s:{}}", "uuid", act->uuid, "set");
    if (table(t, act) == t->groups)
        json_object_set_new(account, "members", json_object());
    json_object_set_new(table(t, act), act->address, account);
    json_object_set_new(t->addresses, act->uuid, json_string(act->address));
    json_object_del(t->left, act->uuid);
    return apply_set(t, act, json_object_get(account, "set"));
}

static int update(struct target *t, const struct act *act)
{
    json_t *account = known(t, act, act->address), *fields = json_object_get(account, "set");

    if (account == NULL)
        return -1;
    if (act->set == NULL && act->clear == NULL)
        return broken(t, "it changes nothing");
    return apply_set(t, act, fields) == 0 && apply_clear(t, act, fields) == 0 ? 0 : -1;
}

static int rename_account(struct target *t, const struct act *act)
{
    json_t *account = known(t, act, act->from);

    if (account == NULL || own(t, act->address, act->uuid) != 0)
        return -1;
    json_object_del(t->owners, act->from);
    json_object_set(table(t, act), act->address, account);
    json_object_del(table(t, act), act->from);
    json_object_set_new(t->addresses, act->uuid, json_string(act->address));
    return 0;
}

/* The uuid alone: what the new entry has more follows. */
static int rebind(struct target *t, const struct act *act)
{
    const char *known_as = act->from ? text_of(t->addresses, act->from) : NULL;
    json_t *account = known_as ? json_object_get(table(t, act), act->address) : NULL, *aliases, *alias;
    size_t i;

    if (known_as == NULL || strcmp(known_as, act->address) != 0 || account == NULL)
        return broken(t, "the account is not there under the uuid %s", act->from ? act->from : "(none)");
    if (text_of(t->addresses, act->uuid) != NULL || act->set != NULL || act->clear != NULL)
        return broken(t, "the new uuid is there already, or it changes more than that");
    aliases = json_object_get(json_object_get(account, "set"), AXSYNC_FIELD_ALIASES);
    json_array_foreach(aliases, i, alias)
        json_object_set_new(t->owners, json_string_value(alias), json_string(act->uuid));
    json_object_set_new(t->owners, act->address, json_string(act->uuid));
    json_object_del(t->addresses, act->from);
    json_object_set_new(t->addresses, act->uuid, json_string(act->address));
    json_object_set_new(account, "uuid", json_string(act->uuid));
    return 0;
}

static int delete_account(struct target *t, const struct act *act)
{
    bool leaves = strcmp(act->cause, "leave") == 0 || strcmp(act->cause, "moved") == 0;
    json_t *account;

    if (!leaves && text_of(t->addresses, act->uuid) == NULL && json_object_del(t->left, act->uuid) == 0)
        return 0;
    account = known(t, act, act->address);
    if (account == NULL)
        return -1;
    if (leaves)
        json_object_set_new(t->left, act->uuid, json_true());
    disown_aliases(t, json_object_get(json_object_get(account, "set"), AXSYNC_FIELD_ALIASES));
    json_object_del(t->owners, act->address);
    json_object_del(t->addresses, act->uuid);
    json_object_del(table(t, act), act->address);
    return 0;
}

/* Strict: what is removed is a member, what is added is none, and an action names a thousand at most. */
static int change_members(struct target *t, const struct act *act)
{
    json_t *group = known(t, act, act->address), *members = json_object_get(group, "members"), *member;
    json_t *add = json_object_get(act->json, AXSYNC_KEY_ADD), *lost = json_object_get(act->json, AXSYNC_KEY_REMOVE);
    size_t n = json_array_size(add) + json_array_size(lost), i;

    if (group == NULL || check_array(t, AXSYNC_KEY_ADD, add) != 0 || check_array(t, AXSYNC_KEY_REMOVE, lost) != 0)
        return -1;
    if (n == 0 || n > 1000)
        return broken(t, "it names %zu members", n);
    json_array_foreach(lost, i, member)
        if (json_object_del(members, json_string_value(member)) != 0)
            return broken(t, "%s is no member", json_string_value(member));
    json_array_foreach(add, i, member) {
        if (json_object_get(members, json_string_value(member)) != NULL)
            return broken(t, "%s is a member already", json_string_value(member));
        json_object_set_new(members, json_string_value(member), json_true());
    }
    return 0;
}

static int apply(struct target *t, const struct act *act)
{
    static const struct {
        const char *action;
        int (*apply)(struct target *, const struct act *);
    } actions[] = {
        {AXSYNC_ACTION_ACCOUNT_CREATE, create},
        {AXSYNC_ACTION_ACCOUNT_UPDATE, update},
        {AXSYNC_ACTION_ACCOUNT_RENAME, rename_account},
        {AXSYNC_ACTION_ACCOUNT_REBIND, rebind},
        {AXSYNC_ACTION_ACCOUNT_DELETE, delete_account},
        {AXSYNC_ACTION_GROUP_CREATE, create},
        {AXSYNC_ACTION_GROUP_UPDATE, update},
        {AXSYNC_ACTION_GROUP_RENAME, rename_account},
        {AXSYNC_ACTION_GROUP_REBIND, rebind},
        {AXSYNC_ACTION_GROUP_DELETE, delete_account},
        {AXSYNC_ACTION_GROUP_MEMBERS, change_members},
    };

    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(act->action, actions[i].action) == 0)
            return actions[i].apply(t, act);
    return broken(t, "the action %s has no business here", act->action);
}

int target_apply(struct target *t, const char *line, size_t length)
{
    struct act act = {0};
    int rc = check_line(t, &act, line, length);
    char *why;

    if (rc == 0)
        rc = apply(t, &act);
    json_decref(act.json);
    t->lines++;
    if (rc == 0)
        return 0;
    why = axsync_i_text("%s", t->error);
    snprintf(t->error, sizeof(t->error), "line %zu of the output: %s: %.*s", t->lines, why,
             (int)(length < 1500 ? length : 1500), line);
    free(why);
    return -1;
}

int target_apply_all(struct target *t, const char *text)
{
    const char *end;

    for (; (end = strchr(text, '\n')) != NULL; text = end + 1)
        if (target_apply(t, text, (size_t)(end - text)) != 0)
            return -1;
    return 0;
}

int target_read(struct target *t, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int rc = 0;

    if (file == NULL)
        return 0;   /* nothing was written yet */
    fseek(file, t->offset, SEEK_SET);
    while (rc == 0 && (n = getline(&line, &room, file)) > 0 && line[n - 1] == '\n') {
        rc = target_apply(t, line, (size_t)n - 1);
        t->offset += n;
    }
    free(line);
    fclose(file);
    return rc;
}

/* ---- comparing ---------------------------------------------------------------------------------------------- */

static void say(FILE *out, const char *address, const char *word, const json_t *account)
{
    char *text = account ? json_dumps(account, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    fprintf(out, "\n  %s %s: %s", address, word, text ? text : "nothing");
    free(text);
}

char *target_difference(json_t *is, json_t *should)
{
    size_t size, n = 0;
    char *text = NULL;
    const char *address;
    json_t *account;
    FILE *out;

    if (json_equal(is, should))
        return NULL;
    out = open_memstream(&text, &size);
    fprintf(out, "%zu accounts, should be %zu", json_object_size(is), json_object_size(should));
    json_object_foreach(should, address, account) {
        if (json_equal(json_object_get(is, address), account) || ++n > DIFFERENCES_SHOWN)
            continue;
        say(out, address, "is", json_object_get(is, address));
        say(out, address, "should be", account);
    }
    json_object_foreach(is, address, account)
        if (json_object_get(should, address) == NULL && ++n <= DIFFERENCES_SHOWN)
            say(out, address, "should not be there", account);
    fclose(out);
    return text;
}
