/* Accounts and groups, from the domain's side (ADD, UPDATE, REMOVE, SHOW) and their own COMMIT. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "session_i.h"

#define NAME_BYTES 128

bool name_is_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= NAME_BYTES && strpbrk(name, " \t@\"'(),:;<>[\\]") == NULL;
}

struct searching {
    const char *name;
    bool found;
};

static void look(void *context, const char *name)
{
    struct searching *x = context;

    x->found |= strcmp(name, x->name) == 0;
}

bool object_has_name(const json_t *object, const char *name)
{
    char *folded = name_fold(name);
    struct searching x = {folded, false};

    object_names(object, look, &x);
    free(folded);
    return x.found;
}

bool name_is_free(struct session *s, const char *name, const json_t *work)
{
    struct frame *d = domain_frame(s);
    char *folded = name_fold(name);
    bool is_free = overlay_name_free(d->overlay, &s->emu->state, d->key, folded,
                                     (long)json_integer_value(json_object_get(work, "id")),
                                     option(&s->emu->options, OPT_FREED) == FREED_NOW);

    free(folded);
    return is_free && !(work && object_has_name(work, name));
}

static enum kind kind_of(enum context context)
{
    return context == CONTEXT_GROUP ? GROUPS : ACCOUNTS;
}

/* What this connection sees under the name; NULL: the answer is made. */
static json_t *find(struct session *s, enum kind kind, const char *name, char **key_r)
{
    struct frame *d = domain_frame(s);
    json_t *object;

    *key_r = name_fold(name);
    object = overlay_get(d->overlay, &s->emu->state, d->key, kind, *key_r);
    if (object)
        return object;
    err(s, MISSING, name);
    free(*key_r);
    *key_r = NULL;
    return NULL;
}

/* ---- ADD ---- */

/* What is added at once needs a name that is free for everybody: one that only this connection gave up, by a REMOVE that
 * no COMMIT made real yet, still is somebody's. */
static bool free_for_all(struct session *s, const char *name)
{
    char *key = name_fold(name);
    bool is_free = state_owner(&s->emu->state, domain_frame(s)->key, key) == 0;

    free(key);
    return is_free;
}

static bool may_add(struct session *s, enum kind kind, const char *name)
{
    bool at_once = option(&s->emu->options, OPT_ADD) == ADD_NOW;
    long most = option(&s->emu->options, OPT_LICENCE);

    if (!name_is_valid(name))
        err(s, VALUE, name);
    else if (!name_is_free(s, name, NULL) || (at_once && !free_for_all(s, name)))
        err(s, EXISTS, name);
    else if (kind == ACCOUNTS && most > 0 && s->emu->state.accounts >= most)
        err(s, LICENCE, NULL);
    else
        return true;
    return false;
}

static json_t *new_object(struct session *s, enum kind kind, const char *name)
{
    long id = state_new_id(&s->emu->state);
    json_t *object = json_pack("{s:s, s:I}", "name", name, "id", (json_int_t)id);

    if (kind == ACCOUNTS)
        json_object_set_new(object, "mail", json_sprintf("mail of %s@%s, mailbox %ld", name, domain_frame(s)->key, id));
    else
        json_object_set_new(object, "addresses", json_object());
    return object;
}

static void add(struct session *s, enum kind kind, const char *name, json_t *secret)
{
    json_t *object = new_object(s, kind, name);
    char *key = name_fold(name);
    struct frame *f;

    if (secret)
        json_object_set_new(object, "password", secret);
    if (option(&s->emu->options, OPT_ADD) == ADD_NOW) {
        state_put(&s->emu->state, domain_frame(s)->key, kind, key, object);
        *(kind == ACCOUNTS ? &s->emu->tally.accountsAdded : &s->emu->tally.groupsAdded) += 1;
    }
    f = enter(s, kind == ACCOUNTS ? CONTEXT_ACCOUNT : CONTEXT_GROUP, object);
    f->fresh = option(&s->emu->options, OPT_ADD) != ADD_NOW;
    f->key = key;
    ok(s, "%s %s added, set its parameters", context_title(f->context), name);
}

void cmd_add_account(struct session *s, const struct words *w, size_t first)
{
    if (w->count == first + 4 && words_is(w, first, "name"))
        first++;
    if (!expect(s, w, first, 3))
        return;
    if (!words_is(w, first + 1, "password")) {
        err(s, SYNTAX, "password was expected");
        return;
    }
    if (w->at[first].list || w->at[first + 2].list || w->at[first + 2].len == 0) {
        err(s, VALUE, "name and password must be words");
        return;
    }
    if (may_add(s, ACCOUNTS, w->at[first].text))
        add(s, ACCOUNTS, w->at[first].text, secret_shape(w->at[first + 2].text));
}

void cmd_add_group(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);

    if (name && may_add(s, GROUPS, name))
        add(s, GROUPS, name, NULL);
}

/* ---- UPDATE, REMOVE, SHOW ---- */

static void update(struct session *s, const struct words *w, size_t first, enum context context)
{
    const char *name = expect_name(s, w, first);
    char *key = NULL;
    json_t *object = name ? find(s, kind_of(context), name, &key) : NULL;

    if (!object)
        return;
    enter(s, context, json_deep_copy(object))->key = key;
    ok(s, "updating %s %s", context_title(context), name);
}

void cmd_update_account(struct session *s, const struct words *w, size_t first)
{
    update(s, w, first, CONTEXT_ACCOUNT);
}

void cmd_update_group(struct session *s, const struct words *w, size_t first)
{
    update(s, w, first, CONTEXT_GROUP);
}

static void remove_object(struct session *s, const struct words *w, size_t first, enum kind kind)
{
    const char *name = expect_name(s, w, first);
    struct frame *d = here(s);
    char *key = NULL;
    json_t *object = name ? find(s, kind, name, &key) : NULL;

    if (!object)
        return;
    if (kind == ACCOUNTS && strcmp(key, "postmaster") == 0) {
        err(s, VALUE, "the postmaster can't be removed");
    } else if (option(&s->emu->options, OPT_REMOVE) == REMOVE_NOW &&
               object == state_object(&s->emu->state, d->key, kind, key)) {
        state_remove(&s->emu->state, d->key, kind, key);
        *(kind == ACCOUNTS ? &s->emu->tally.accountsRemoved : &s->emu->tally.groupsRemoved) += 1;
        ok(s, "%s removed", key);
    } else {
        overlay_remove(d->overlay, &s->emu->state, d->key, kind, object);
        ok(s, "%s removed, commit the domain", key);
    }
    free(key);
}

void cmd_remove_account(struct session *s, const struct words *w, size_t first)
{
    remove_object(s, w, first, ACCOUNTS);
}

void cmd_remove_group(struct session *s, const struct words *w, size_t first)
{
    remove_object(s, w, first, GROUPS);
}

/* SHOW Account [name] N [ATTR A] */
static void show(struct session *s, const struct words *w, size_t first, enum context context)
{
    const char *attribute = NULL;
    json_t *object;
    char *key;

    if (w->count > first + 1 && words_is(w, first, "name") && !words_is(w, first + 1, "attr"))
        first++;
    if (w->count == first + 3 && words_is(w, first + 1, "attr"))
        attribute = w->at[first + 2].text;
    else if (!expect(s, w, first, 1))
        return;
    object = find(s, kind_of(context), w->at[first].text, &key);
    if (!object)
        return;
    show_settings(s, context, object, attribute, context_title(context));
    free(key);
}

void cmd_show_account(struct session *s, const struct words *w, size_t first)
{
    show(s, w, first, CONTEXT_ACCOUNT);
}

void cmd_show_group(struct session *s, const struct words *w, size_t first)
{
    show(s, w, first, CONTEXT_GROUP);
}

void cmd_show_registry(struct session *s, const struct words *w, size_t first)
{
    json_t *registry = json_object_get(here(s)->work, "registry"), *value;
    const char *name;

    if (!expect(s, w, first, 0))
        return;
    say(s, "%s", "");
    say(s, "The registry information is:");
    say(s, "Internal ID = %ld", (long)json_integer_value(json_object_get(here(s)->work, "id")));
    json_object_foreach(registry, name, value) say(s, "%s = %s", name, json_string_value(value));
    say(s, "%s", "");
    ok(s, "command successful");
}

/* ---- COMMIT ---- */

/* Into the state, or into what the domain's COMMIT will bring there. */
static int keep(struct session *s, struct frame *d, struct frame *f, char **taken_r)
{
    struct overlay *alone;
    int rc;

    if (option(&s->emu->options, OPT_KEEP) == KEEP_DOMAIN) {
        overlay_put(d->overlay, &s->emu->state, d->key, kind_of(f->context), f->fresh ? NULL : f->key, f->work);
        return 0;
    }
    alone = overlay_new();
    overlay_put(alone, &s->emu->state, d->key, kind_of(f->context), f->fresh ? NULL : f->key, f->work);
    rc = overlay_apply(alone, &s->emu->state, d->key, &s->emu->tally, taken_r);
    overlay_free(&alone);
    return rc;
}

void cmd_commit_object(struct session *s, const struct words *w, size_t first)
{
    struct frame *d = domain_frame(s), *f = here(s);
    long most = option(&s->emu->options, OPT_LICENCE);
    char *taken = NULL;

    if (!expect(s, w, first, 0))
        return;
    if (!state_domain(&s->emu->state, d->key)) {
        err(s, MISSING, d->key);
    } else if (f->fresh && f->context == CONTEXT_ACCOUNT && most > 0 && s->emu->state.accounts >= most) {
        err(s, LICENCE, NULL);
    } else if (keep(s, d, f, &taken) != 0) {
        err(s, strcmp(taken, f->key) == 0 && !f->fresh ? MISSING : EXISTS, taken);
        free(taken);
    } else {
        s->emu->tally.commits++;
        ok(s, "%s saved", f->key);
        leave(s);
    }
}

void cmd_back(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 0))
        return;
    leave(s);
    ok(s, "changes dropped");
}
