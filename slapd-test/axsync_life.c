#include "axsync_life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldap.h>

#include "axsync_test.h"

static bool bind_life(struct life *l)
{
    struct berval password = {strlen(l->password), (char *)(uintptr_t)l->password};
    int version = LDAP_VERSION3;

    if (l->ld == NULL && ldap_initialize(&l->ld, l->uri) != LDAP_SUCCESS)
        return false;
    ldap_set_option(l->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    if (ldap_sasl_bind_s(l->ld, l->dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL) == LDAP_SUCCESS)
        return true;
    ldap_unbind_ext_s(l->ld, NULL, NULL);
    l->ld = NULL;
    return false;
}

static int modify(struct life *l, const char *dn, int op, const char *attribute, const char *value)
{
    char *values[] = {(char *)(uintptr_t)value, NULL};
    LDAPMod mod = {.mod_op = op, .mod_type = (char *)(uintptr_t)attribute};
    LDAPMod *mods[] = {&mod, NULL};

    mod.mod_values = value ? values : NULL;
    return ldap_modify_ext_s(l->ld, dn, mods, NULL, NULL);
}

static int add(struct life *l, int number)
{
    char dn[100], uid[20], mail[50];
    char *classes[] = {(char *)(uintptr_t)"inetOrgPerson", NULL}, *uids[] = {uid, NULL}, *mails[] = {mail, NULL};
    LDAPMod class = {LDAP_MOD_ADD, (char *)(uintptr_t)"objectClass", {classes}};
    LDAPMod cn = {LDAP_MOD_ADD, (char *)(uintptr_t)"cn", {uids}}, sn = {LDAP_MOD_ADD, (char *)(uintptr_t)"sn", {uids}};
    LDAPMod address = {LDAP_MOD_ADD, (char *)(uintptr_t)"mail", {mails}};
    LDAPMod *mods[] = {&class, &cn, &sn, &address, NULL};

    snprintf(uid, sizeof(uid), "user%06d", number);
    snprintf(dn, sizeof(dn), "uid=%s," PEOPLE, uid);
    snprintf(mail, sizeof(mail), "%s@example.com", uid);
    return ldap_add_ext_s(l->ld, dn, mods, NULL, NULL);
}

/* One change, of somebody who may be in the base or away. */
static int change(struct life *l)
{
    int number = 1 + rand_r(&l->seed) % l->next, what = rand_r(&l->seed) % 12;
    bool away = rand_r(&l->seed) % 4 == 0;
    char dn[100], rdn[40], text[60];

    snprintf(rdn, sizeof(rdn), "uid=user%06d", number);
    snprintf(dn, sizeof(dn), "%s,%s", rdn, away ? AWAY : PEOPLE);
    snprintf(text, sizeof(text), "Number %zu", l->done);
    switch (what) {
    case 0:
    case 1:
        return add(l, l->next++);
    case 2:
        return ldap_delete_ext_s(l->ld, dn, NULL, NULL);
    case 3:
        /* Of one person only: a field that two lose at about the same time is held, as a right that was lost. */
        return modify(l, "uid=user000002," PEOPLE, LDAP_MOD_DELETE, "title", NULL);
    case 4:
    case 5:
        return ldap_rename_s(l->ld, dn, rdn, away ? PEOPLE : AWAY, 0, NULL, NULL);
    case 6:
        snprintf(text, sizeof(text), "other%06d@example.com", number);
        return modify(l, dn, LDAP_MOD_REPLACE, "mail", text);
    case 7:
        snprintf(text, sizeof(text), "user%06d@example.com", number);
        return modify(l, dn, LDAP_MOD_REPLACE, "mail", text);
    case 8:
        return modify(l, dn, LDAP_MOD_REPLACE, "mobile", text);
    default:
        return modify(l, dn, LDAP_MOD_REPLACE, "title", text);
    }
}

void life_init(struct life *l, struct slapdtest *server, int people, unsigned seed)
{
    life_init_at(l, slapdtest_uri(server), slapdtest_rootdn(server), slapdtest_rootpw(server), people, seed);
}

void life_init_at(struct life *l, const char *uri, const char *dn, const char *password, int people, unsigned seed)
{
    *l = (struct life){.uri = uri, .dn = dn, .password = password, .seed = seed, .next = people + 1};
}

static void hang_up(struct life *l)
{
    if (l->ld)
        ldap_unbind_ext_s(l->ld, NULL, NULL);
    l->ld = NULL;
}

void life_free(struct life *l)
{
    hang_up(l);
}

bool life_change(struct life *l)
{
    if (l->ld == NULL && !bind_life(l))
        return false;
    if (change(l) == LDAP_SERVER_DOWN)
        hang_up(l);
    l->done++;
    return true;
}

unsigned life_seed(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    return seed;
}
