/* The root context, and the one that makes a domain. */
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "mem.h"
#include "session_i.h"

/* LIST Domains and AllDomains: one row a domain, its name and whether it is active. */
static void list_domains(struct session *s, const struct words *w, size_t first, bool all)
{
    const char *pattern = w->count > first ? w->at[first].text : "*", *key;
    size_t rows = 0;
    json_t *domain;

    if (w->count > first && !expect(s, w, first, 1))
        return;
    list_open(s, all ? "The list of all domains" : "The list of active domains", "Name                     Status");
    json_object_foreach(json_object_get(s->emu->state.root, "domains"), key, domain)
    {
        bool active = json_is_true(json_object_get(domain, "active"));

        if ((!active && !all) || !glob_match(pattern, key))
            continue;
        say(s, "%-24s %s", json_string_value(json_object_get(domain, "name")), active ? "active" : "inactive");
        rows++;
    }
    list_close(s, rows);
}

void cmd_list_domains(struct session *s, const struct words *w, size_t first)
{
    list_domains(s, w, first, false);
}

void cmd_list_all_domains(struct session *s, const struct words *w, size_t first)
{
    list_domains(s, w, first, true);
}

/* A domain's own members, without what it contains. */
static json_t *own_members(const json_t *domain)
{
    return json_pack("{s:O, s:o, s:o}", "name", json_object_get(domain, "name"), "settings",
                     json_deep_copy(json_object_get(domain, "settings")), "aliases",
                     json_deep_copy(json_object_get(domain, "aliases")));
}

void cmd_update_domain(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *domain = name ? state_domain(&s->emu->state, name) : NULL;
    struct frame *f;

    if (!name)
        return;
    if (!domain || !json_is_true(json_object_get(domain, "active"))) {
        err(s, MISSING, name);
        return;
    }
    f = enter(s, CONTEXT_DOMAIN, own_members(domain));
    f->key = name_fold(name);
    f->overlay = overlay_new();
    ok(s, "updating domain %s", name);
}

void cmd_show_domain(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *domain = name ? state_domain(&s->emu->state, name) : NULL;

    if (domain)
        show_settings(s, CONTEXT_DOMAIN, domain, NULL, "domain");
    else if (name)
        err(s, MISSING, name);
}

void cmd_create_domain(struct session *s, const struct words *w, size_t first)
{
    enter(s, CONTEXT_CREATE, json_pack("{s:{}}", "settings"));
    if (settings_apply(s, w, first) != 0) {
        leave(s);
        return;
    }
    ok(s, "creating a domain");
}

/* Every new domain has the postmaster's account. */
static void add_postmaster(struct session *s, const char *key, json_t *secret)
{
    long id = state_new_id(&s->emu->state);
    json_t *account = json_pack("{s:s, s:I, s:o, s:O}", "name", "postmaster", "id", (json_int_t)id, "mail",
                                json_sprintf("mail of postmaster@%s, mailbox %ld", key, id), "password", secret);

    state_put(&s->emu->state, key, ACCOUNTS, "postmaster", account);
    json_decref(account);
}

void cmd_commit_create(struct session *s, const struct words *w, size_t first)
{
    json_t *work = here(s)->work, *secret = json_object_get(work, "postmasterPassword"), *own;
    const char *name = json_string_value(json_object_get(work, "name"));
    char *key;

    if (!expect(s, w, first, 0))
        return;
    if (!name || !secret || !json_object_get(json_object_get(work, "settings"), "domainLocation")) {
        err(s, VALUE, "name, domainLocation and postmasterPassword are needed");
        return;
    }
    if (state_domain(&s->emu->state, name)) {
        err(s, EXISTS, name);
        return;
    }
    key = name_fold(name);
    own = json_pack("{s:s, s:O}", "name", name, "settings", json_object_get(work, "settings"));
    state_put_domain(&s->emu->state, key, own);
    add_postmaster(s, key, secret);
    s->emu->tally.commits++;
    ok(s, "domain %s created", name);
    json_decref(own);
    free(key);
    leave(s);
}

void cmd_show_license(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 0))
        return;
    say(s, "%s", "");
    say(s, "The license information is:");
    say(s, "maxAccounts = %ld", option(&s->emu->options, OPT_LICENCE));
    say(s, "usedAccounts = %ld", s->emu->state.accounts);
    say(s, "%s", "");
    ok(s, "command successful");
}

void cmd_show_permissions(struct session *s, const struct words *w, size_t first)
{
    if (w->count != first && !(words_is(w, first, "domain") && w->count == first + 2)) {
        err(s, SYNTAX, "only domain D can follow");
        return;
    }
    list_open(s, "The effective permissions", "Permission");
    say(s, "all");
    list_close(s, 1);
}

void cmd_save_config(struct session *s, const struct words *w, size_t first)
{
    if (w->count == first || expect(s, w, first, 1))
        ok(s, "configuration saved");
}
