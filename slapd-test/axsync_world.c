#include "axsync_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldap.h>

#include "axsync_directory.h"

#define SUFFIX "dc=example,dc=com"
#define ROOTS 3
#define PEOPLE_PLACE 0
#define GROUPS_PLACE 1
#define DN_ROOM 512
#define NOBODY "cn=nobody," SUFFIX     /* a member that every group has, since groupOfNames must have one */

typedef char dn_text[DN_ROOM];

static unsigned any(struct world *w, unsigned n)
{
    return (unsigned)rand_r(&w->seed) % n;
}

static bool chance(struct world *w, unsigned one_in)
{
    return any(w, one_in) == 0;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static void place_dn(const struct world *w, int place, char *dn)
{
    int n = 0;

    for (; place >= 0; place = w->places[place].parent)
        n += snprintf(dn + n, (size_t)(DN_ROOM - n), "%s,", w->places[place].rdn);
    snprintf(dn + n, (size_t)(DN_ROOM - n), SUFFIX);
}

static void thing_dn(const struct world *w, const struct world_thing *t, char *dn)
{
    int n = snprintf(dn, DN_ROOM, "%s,", t->rdn);

    place_dn(w, t->place, dn + n);
}

static bool is_under(const struct world *w, int place, int above)
{
    for (; place >= 0; place = w->places[place].parent)
        if (place == above)
            return true;
    return false;
}

/* ---- LDAP ----------------------------------------------------------------------------------------------------- */

static int check(struct world *w, int rc)
{
    size_t n = strlen(w->what);

    if (rc == LDAP_SUCCESS)
        return 0;
    snprintf(w->what + n, sizeof(w->what) - n, ": %s", ldap_err2string(rc));
    return -1;
}

static void say(struct world *w, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(w->what, sizeof(w->what), format, arguments);
    va_end(arguments);
}

/* value NULL: all values. */
static int modify(struct world *w, const char *dn, int op, const char *attribute, const char *value)
{
    char *values[] = {(char *)(uintptr_t)value, NULL};
    LDAPMod mod = {.mod_op = op, .mod_type = (char *)(uintptr_t)attribute};
    LDAPMod *mods[] = {&mod, NULL};

    mod.mod_values = value ? values : NULL;
    say(w, "%.200s: %s %s", dn, attribute, value ? value : "removed");
    return check(w, ldap_modify_ext_s(w->ld, dn, mods, NULL, NULL));
}

static int replace(struct world *w, const char *dn, const char *attribute, const char *value)
{
    return modify(w, dn, LDAP_MOD_REPLACE, attribute, value);
}

static int rename_to(struct world *w, const char *dn, const char *rdn, const char *parent)
{
    say(w, "%.120s → %.40s under %.120s", dn, rdn, parent ? parent : "the same");
    return check(w, ldap_rename_s(w->ld, dn, rdn, parent, 1, NULL, NULL));
}

static int remove_dn(struct world *w, const char *dn)
{
    say(w, "delete %.200s", dn);
    return check(w, ldap_delete_ext_s(w->ld, dn, NULL, NULL));
}

/* pairs: attribute, value …, NULL. */
static int add(struct world *w, const char *dn, const char *const *pairs)
{
    LDAPMod mods[12], *list[13] = {NULL};
    char *values[12][2];

    for (int i = 0; pairs[2 * i]; i++) {
        values[i][0] = (char *)(uintptr_t)pairs[2 * i + 1];
        values[i][1] = NULL;
        mods[i] = (LDAPMod){.mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t)pairs[2 * i], .mod_values = values[i]};
        list[i] = &mods[i];
    }
    say(w, "add %.200s", dn);
    return check(w, ldap_add_ext_s(w->ld, dn, list, NULL, NULL));
}

/* ---- what is taken away ---------------------------------------------------------------------------------------- */

static void takes_away(struct world *w, const char *dn)
{
    directory_dns(w->ld, dn, "(objectClass=*)", w->taken);
}

static void takes_field(struct world *w, const char *dn, const char *field)
{
    json_t *keys = json_object(), *value;
    const char *key;
    char text[120];

    directory_dns(w->ld, dn, "(objectClass=*)", keys);
    json_object_foreach(keys, key, value) {
        snprintf(text, sizeof(text), "%s %s", key, field);
        json_object_set_new(w->taken, text, json_true());
    }
    json_decref(keys);
}

bool world_allows(const struct world *w, const json_t *action)
{
    const char *name = json_string_value(json_object_get(action, "action")), *uuid = json_string_value(json_object_get(action, "uuid"));
    json_t *clear = json_object_get(action, "clear"), *field;
    char text[120];
    size_t i;

    if (strstr(name, ".delete") && json_object_get(w->taken, uuid) == NULL)
        return false;
    json_array_foreach(clear, i, field) {
        snprintf(text, sizeof(text), "%s %s", uuid, json_string_value(field));
        if (json_object_get(w->taken, text) == NULL)
            return false;
    }
    return true;
}

/* ---- choosing -------------------------------------------------------------------------------------------------- */

/* The first account and the first group stay as they are: a directory that shows none of a kind is another test's matter. */
static bool may_go(const struct world *w, const struct world_thing *t)
{
    return t != &w->things[0] && t != &w->things[WORLD_ACCOUNTS];
}

/* One of a kind that is there (or is not) and may go; NULL: tried in vain. */
static struct world_thing *pick(struct world *w, bool group, bool there)
{
    for (int i = 0; i < 40; i++) {
        struct world_thing *t = &w->things[group ? WORLD_ACCOUNTS + any(w, WORLD_GROUPS) : any(w, WORLD_ACCOUNTS)];

        if (t->there == there && may_go(w, t))
            return t;
    }
    return NULL;
}

/* An account more often than a group. */
static struct world_thing *pick_any(struct world *w, bool there)
{
    return pick(w, chance(w, 4), there);
}

static int pick_place(struct world *w)
{
    int place;

    do
        place = (int)any(w, WORLD_PLACES);
    while (!w->places[place].there);
    return place;
}

/* Mostly one where it counts. */
static int pick_place_for(struct world *w, bool group)
{
    int place = pick_place(w);

    for (int i = 0; i < 3 && !is_under(w, place, group ? GROUPS_PLACE : PEOPLE_PLACE); i++)
        place = pick_place(w);
    return place;
}

/* ---- things ---------------------------------------------------------------------------------------------------- */

static int add_group(struct world *w, struct world_thing *t, const char *dn)
{
    const char *pairs[] = {"objectClass", "groupOfNames", "member", NOBODY, NULL};

    (void)t;
    return add(w, dn, pairs);
}

static int add_account(struct world *w, struct world_thing *t, const char *dn)
{
    const char *pairs[14] = {"objectClass", "inetOrgPerson", "cn", t->rdn + 4, "sn", t->rdn + 4, "mail", t->mail, "title", "Born"};
    int n = 10;

    if (t->alias[0]) {
        pairs[n++] = WORLD_ALIASES;
        pairs[n++] = t->alias;
    }
    pairs[n] = NULL;
    return add(w, dn, pairs);
}

static void new_mail(struct world *w, struct world_thing *t)
{
    snprintf(t->mail, sizeof(t->mail), "name%u@example.com", w->names++);
    t->readdressed = true;
}

static void new_alias(struct world *w, struct world_thing *t)
{
    snprintf(t->alias, sizeof(t->alias), "alias%u%s", w->names++, chance(w, 2) ? "@example.com" : "");
}

/* With the name that it had, or another one. */
static int be_born(struct world *w, struct world_thing *t)
{
    dn_text dn;

    t->there = t->readdressed = true;
    t->alias[0] = '\0';
    if (!t->group && chance(w, 3))
        new_alias(w, t);
    thing_dn(w, t, dn);
    return t->group ? add_group(w, t, dn) : add_account(w, t, dn);
}

static int change_birth(struct world *w)
{
    struct world_thing *t = pick_any(w, false);

    if (t == NULL)
        return 0;
    t->place = chance(w, 2) && w->places[t->place].there ? t->place : pick_place_for(w, t->group);
    if (!t->group && chance(w, 3))
        new_mail(w, t);
    return be_born(w, t);
}

static int die(struct world *w, struct world_thing *t)
{
    dn_text dn;

    thing_dn(w, t, dn);
    takes_away(w, dn);
    t->there = false;
    return remove_dn(w, dn);
}

static int change_death(struct world *w)
{
    struct world_thing *t = pick_any(w, true);

    return t ? die(w, t) : 0;
}

static int change_same_dn(struct world *w)
{
    struct world_thing *t = pick_any(w, true);

    if (t == NULL)
        return 0;
    if (die(w, t) != 0)
        return -1;
    return be_born(w, t);
}

static int change_place(struct world *w)
{
    struct world_thing *t = pick_any(w, true);
    dn_text dn, parent;

    if (t == NULL)
        return 0;
    thing_dn(w, t, dn);
    takes_away(w, dn);
    t->place = pick_place_for(w, t->group);
    place_dn(w, t->place, parent);
    return rename_to(w, dn, t->rdn, parent);
}

static void new_rdn(struct world *w, struct world_thing *t)
{
    snprintf(t->rdn, sizeof(t->rdn), t->group ? "cn=list%u" : "uid=user%u", w->names++);
}

static int change_rdn(struct world *w)
{
    struct world_thing *t = pick_any(w, true);
    dn_text dn;

    if (t == NULL)
        return 0;
    thing_dn(w, t, dn);
    new_rdn(w, t);
    return rename_to(w, dn, t->rdn, NULL);
}

static int change_filter(struct world *w)
{
    struct world_thing *t = pick_any(w, true);
    dn_text dn;

    if (t == NULL)
        return 0;
    thing_dn(w, t, dn);
    takes_away(w, dn);
    return replace(w, dn, "businessCategory", chance(w, 2) ? "former" : NULL);
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

static int change_title(struct world *w)
{
    struct world_thing *t = &w->things[any(w, WORLD_ACCOUNTS)];
    char text[40];
    dn_text dn;

    if (!t->there)
        return 0;
    thing_dn(w, t, dn);
    snprintf(text, sizeof(text), "Title %zu", w->done);
    if (replace(w, dn, "title", text) != 0)
        return -1;
    snprintf(text, sizeof(text), "A second %zu", w->done);
    return chance(w, 4) ? modify(w, dn, LDAP_MOD_ADD, "title", text) : 0;
}

static int change_clear(struct world *w)
{
    struct world_thing *t = &w->things[any(w, WORLD_ACCOUNTS)];
    bool title = chance(w, 2);
    char text[20];
    dn_text dn;

    if (!t->there)
        return 0;
    thing_dn(w, t, dn);
    takes_field(w, dn, title ? "contactInfo.position" : "contactInfo.mobilePhone");
    snprintf(text, sizeof(text), "+49 %zu", w->done);
    return replace(w, dn, title ? "title" : "mobile", title || chance(w, 2) ? NULL : text);
}

/* Gone for a moment: an entry without an address is invalid, and no more. */
static int change_blink(struct world *w)
{
    struct world_thing *t = pick(w, false, true);
    dn_text dn;

    if (t == NULL)
        return 0;
    thing_dn(w, t, dn);
    return replace(w, dn, "mail", NULL) != 0 ? -1 : replace(w, dn, "mail", t->mail);
}

/* ---- addresses ------------------------------------------------------------------------------------------------- */

static int write_mail(struct world *w, struct world_thing *t)
{
    dn_text dn;

    thing_dn(w, t, dn);
    t->readdressed = true;
    return replace(w, dn, "mail", t->mail);
}

static int change_mail(struct world *w)
{
    struct world_thing *t = pick(w, false, true);

    if (t == NULL)
        return 0;
    new_mail(w, t);
    return write_mail(w, t);
}

/* Each gets the address of the next one, in a ring of two or three. */
static int change_ring(struct world *w)
{
    struct world_thing *ring[3];
    size_t n = 2 + any(w, 2);
    char first[sizeof(ring[0]->mail)];

    for (size_t i = 0; i < n; i++) {
        ring[i] = pick(w, false, true);
        for (size_t k = 0; k <= i; k++)
            if (ring[i] == NULL || (k < i && ring[i] == ring[k]))
                return 0;
    }
    memcpy(first, ring[0]->mail, sizeof(first));
    for (size_t i = 0; i < n; i++) {
        memcpy(ring[i]->mail, i + 1 < n ? ring[i + 1]->mail : first, sizeof(first));
        if (write_mail(w, ring[i]) != 0)
            return -1;
    }
    return 0;
}

static int change_alias(struct world *w)
{
    struct world_thing *t = pick(w, false, true);
    dn_text dn;

    if (t == NULL)
        return 0;
    thing_dn(w, t, dn);
    if (t->alias[0])
        takes_field(w, dn, "aliases");
    if (t->alias[0] && chance(w, 2))
        t->alias[0] = '\0';
    else
        new_alias(w, t);
    return replace(w, dn, WORLD_ALIASES, t->alias[0] ? t->alias : NULL);
}

/* The alias becomes the address, and the address the alias; by one change. */
static int change_roles(struct world *w)
{
    struct world_thing *t = pick(w, false, true);
    char mail[sizeof(t->mail)], *mails[] = {mail, NULL}, *aliases[] = {NULL, NULL};
    LDAPMod to_mail = {LDAP_MOD_REPLACE, (char *)(uintptr_t)"mail", {mails}};
    LDAPMod to_alias = {LDAP_MOD_REPLACE, (char *)(uintptr_t)WORLD_ALIASES, {aliases}};
    LDAPMod *mods[] = {&to_mail, &to_alias, NULL};
    dn_text dn;

    if (t == NULL || t->readdressed || strchr(t->alias, '@') == NULL)
        return 0;
    thing_dn(w, t, dn);
    takes_field(w, dn, "aliases");
    memcpy(mail, t->alias, sizeof(mail));
    memcpy(t->alias, t->mail, sizeof(mail));
    memcpy(t->mail, mail, sizeof(mail));
    aliases[0] = t->alias;
    t->readdressed = true;
    say(w, "%.200s: %s is the address and %s the alias", dn, t->mail, t->alias);
    return check(w, ldap_modify_ext_s(w->ld, dn, mods, NULL, NULL));
}

/* Two groups exchange their names, by way of a third one. */
static int change_group_names(struct world *w)
{
    struct world_thing *a = pick(w, true, true), *b = pick(w, true, true);
    char rdn[sizeof(a->rdn)];
    dn_text dn;

    if (a == NULL || b == NULL || a == b)
        return 0;
    memcpy(rdn, a->rdn, sizeof(rdn));
    thing_dn(w, a, dn);
    new_rdn(w, a);
    if (rename_to(w, dn, a->rdn, NULL) != 0)
        return -1;
    thing_dn(w, a, dn);
    memcpy(a->rdn, b->rdn, sizeof(rdn));
    {
        dn_text other;

        thing_dn(w, b, other);
        memcpy(b->rdn, rdn, sizeof(rdn));
        if (rename_to(w, other, b->rdn, NULL) != 0)
            return -1;
    }
    return rename_to(w, dn, a->rdn, NULL);
}

/* ---- members --------------------------------------------------------------------------------------------------- */

static int tolerate(struct world *w, int rc, int code)
{
    return check(w, rc == code ? LDAP_SUCCESS : rc);
}

/* The DN of anybody, who is there or not; spelt in another way at times. */
static void member_dn(struct world *w, char *dn)
{
    struct world_thing *t = &w->things[any(w, WORLD_THINGS)];

    thing_dn(w, t, dn);
    for (char *p = dn; chance(w, 3) && *p != '\0' && *p != '='; p++)
        *p = (char)(*p & ~0x20);
}

static int change_member(struct world *w)
{
    struct world_thing *t = &w->things[WORLD_ACCOUNTS + any(w, WORLD_GROUPS)];
    bool more = any(w, 3) > 0;
    dn_text dn, member;
    char *values[] = {member, NULL};
    LDAPMod mod = {.mod_op = more ? LDAP_MOD_ADD : LDAP_MOD_DELETE, .mod_type = (char *)(uintptr_t)"member", .mod_values = values};
    LDAPMod *mods[] = {&mod, NULL};

    if (!t->there)
        return 0;
    thing_dn(w, t, dn);
    member_dn(w, member);
    say(w, "%.120s: member %s %.120s", dn, more ? "+" : "-", member);
    return tolerate(w, ldap_modify_ext_s(w->ld, dn, mods, NULL, NULL), more ? LDAP_TYPE_OR_VALUE_EXISTS : LDAP_NO_SUCH_ATTRIBUTE);
}

/* All of them at once are others. */
static int change_members(struct world *w)
{
    struct world_thing *t = &w->things[WORLD_ACCOUNTS + any(w, WORLD_GROUPS)];
    dn_text dn, member;

    if (!t->there)
        return 0;
    thing_dn(w, t, dn);
    if (replace(w, dn, "member", NOBODY) != 0)
        return -1;
    for (unsigned i = any(w, 6); i > 0; i--) {
        char *values[] = {member, NULL};
        LDAPMod mod = {.mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t)"member", .mod_values = values};
        LDAPMod *mods[] = {&mod, NULL};

        member_dn(w, member);
        if (tolerate(w, ldap_modify_ext_s(w->ld, dn, mods, NULL, NULL), LDAP_TYPE_OR_VALUE_EXISTS) != 0)
            return -1;
    }
    return 0;
}

/* ---- containers ------------------------------------------------------------------------------------------------ */

/* One that is no root; -1: tried in vain. */
static int pick_branch(struct world *w, bool there)
{
    for (int i = 0; i < 20; i++) {
        int place = ROOTS + (int)any(w, WORLD_PLACES - ROOTS);

        if (w->places[place].there == there)
            return place;
    }
    return -1;
}

static int add_place(struct world *w, int place)
{
    dn_text dn;
    const char *pairs[] = {"objectClass", "organizationalUnit", NULL};

    w->places[place].there = true;
    place_dn(w, place, dn);
    return add(w, dn, pairs);
}

static int change_new_branch(struct world *w)
{
    int place = pick_branch(w, false), parent = pick_place(w);

    if (place < 0)
        return 0;
    w->places[place].parent = parent;
    if (chance(w, 2))   /* else the name that it had before */
        snprintf(w->places[place].rdn, sizeof(w->places[place].rdn), "ou=branch%u", w->names++);
    return add_place(w, place);
}

static int change_branch(struct world *w)
{
    int place = pick_branch(w, true), parent = pick_place(w);
    bool moves = chance(w, 2);
    struct world_place *p = &w->places[place < 0 ? 0 : place];
    dn_text dn, to;

    if (place < 0 || (moves && is_under(w, parent, place)))
        return 0;
    place_dn(w, place, dn);
    takes_away(w, dn);
    if (!moves || chance(w, 3))
        snprintf(p->rdn, sizeof(p->rdn), "ou=branch%u", w->names++);
    if (moves)
        p->parent = parent;
    place_dn(w, p->parent, to);
    return rename_to(w, dn, p->rdn, moves ? to : NULL);
}

/* With all that lies under it. */
static int change_felled_branch(struct world *w)
{
    int place = pick_branch(w, true);
    dn_text dn;

    for (int i = ROOTS; place >= 0 && i < WORLD_PLACES; i++)
        if (w->places[i].there && w->places[i].parent == place)
            return 0;
    for (int i = 0; place >= 0 && i < WORLD_THINGS; i++)
        if (w->things[i].there && w->things[i].place == place && die(w, &w->things[i]) != 0)
            return -1;
    if (place < 0)
        return 0;
    place_dn(w, place, dn);
    w->places[place].there = false;
    return remove_dn(w, dn);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

int world_change(struct world *w)
{
    static int (*const changes[])(struct world *) = {
        change_birth, change_birth, change_birth, change_death, change_death, change_same_dn, change_place, change_place, change_place,
        change_rdn, change_rdn, change_filter, change_filter, change_title, change_title, change_title, change_clear, change_clear,
        change_blink, change_mail, change_ring, change_ring, change_alias, change_alias, change_roles, change_group_names, change_member,
        change_member, change_member, change_member, change_members, change_new_branch, change_branch, change_branch,
        change_felled_branch,
    };

    w->done++;
    return changes[any(w, sizeof(changes) / sizeof(*changes))](w);
}

void world_settled(struct world *w)
{
    for (int i = 0; i < WORLD_THINGS; i++)
        w->things[i].readdressed = false;
}

void world_init(struct world *w, struct ldap *ld, unsigned seed)
{
    static const char *const roots[ROOTS] = {"ou=people", "ou=groups", "ou=away"};

    *w = (struct world){.ld = ld, .seed = seed, .taken = json_object()};
    for (int i = 0; i < WORLD_PLACES; i++) {
        w->places[i] = (struct world_place){.there = i < ROOTS, .parent = i < ROOTS ? -1 : (int)any(w, (unsigned)i)};
        if (i < ROOTS)
            snprintf(w->places[i].rdn, sizeof(w->places[i].rdn), "%s", roots[i]);
        else
            snprintf(w->places[i].rdn, sizeof(w->places[i].rdn), "ou=branch%u", w->names++);
    }
    for (int i = 0; i < WORLD_THINGS; i++) {
        w->things[i].group = i >= WORLD_ACCOUNTS;
        new_rdn(w, &w->things[i]);
        new_mail(w, &w->things[i]);
    }
}

void world_free(struct world *w)
{
    json_decref(w->taken);
}

int world_populate(struct world *w)
{
    const char *pairs[] = {"objectClass", "organizationalUnit", NULL};

    if (add(w, WORLD_GROUPS_DN, pairs) != 0)
        return -1;
    for (int i = ROOTS; i < WORLD_PLACES - 2; i++)
        if (!w->places[w->places[i].parent].there || add_place(w, i) != 0)
            return -1;
    for (int i = 0; i < WORLD_THINGS; i++) {
        struct world_thing *t = &w->things[i];

        t->place = may_go(w, t) ? pick_place_for(w, t->group) : t->group ? GROUPS_PLACE : PEOPLE_PLACE;
        if ((!may_go(w, t) || any(w, 4) > 0) && be_born(w, t) != 0)
            return -1;
    }
    for (int i = 0; i < 40; i++)
        if (change_member(w) != 0)
            return -1;
    world_settled(w);
    return 0;
}
