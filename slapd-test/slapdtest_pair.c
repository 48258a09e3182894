/*
 * Two providers that are each other's consumers (OpenLDAP Administrator's Guide, "N-Way Multi-Provider"; olcSyncrepl in
 * slapd-config(5)).
 */
#include <stdlib.h>
#include <string.h>

#include "slapdtest_internal.h"

#define LOOK_AGAIN_MS 10

/*
 * Make one the consumer of the other. It's done while both run, as the ports are known by then, and slapd begins at
 * once. A lost provider is tried again each second: the shortest that slapd knows.
 */
static int follow(struct slapdtest *consumer, const struct slapdtest *provider)
{
    char *text =
        slapdtest_i_text("dn: " SLAPDTEST_DATABASE_DN "\n"
                         "changetype: modify\n"
                         "add: olcSyncrepl\n"
                         "olcSyncrepl: rid=%03u provider=%s bindmethod=simple binddn=\"%s\" credentials=\"%s\"\n"
                         "  searchbase=\"%s\" type=refreshAndPersist retry=\"1 +\" network-timeout=5 timeout=5\n"
                         "-\n"
                         "replace: olcMultiProvider\n"
                         "olcMultiProvider: TRUE\n",
                         provider->server_id, provider->uri, provider->rootdn, provider->rootpw, provider->suffix);
    int result;

    if (text == NULL)
        return slapdtest_i_fail(consumer, LDAP_NO_MEMORY, "out of memory");
    result = slapdtest_config(consumer, text);
    free(text);
    return result;
}

static int add_suffix(struct slapdtest *s)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int result;

    if (out == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    result = slapdtest_i_suffix_ldif(out, s->suffix);
    if (fclose(out) != 0 || result != 0)
        result = slapdtest_i_fail(s, LDAP_PARAM_ERROR, "the suffix %s isn't dc=, o= or ou=", s->suffix);
    else
        result = slapdtest_ldif(s, text);
    free(text);
    return result;
}

/* 1 the same and known, 0 not so (yet), -1 error in *failed_r. */
static int compare_csns(struct slapdtest *a, struct slapdtest *b, struct slapdtest **failed_r)
{
    struct slapdtest *both[2] = {a, b};
    char *csn[2];
    int result = 0;

    for (int i = 0; i < 2; i++) {
        csn[i] = slapdtest_context_csn(both[i]);
        if (csn[i] == NULL && both[i]->rc != LDAP_NO_SUCH_OBJECT && both[i]->rc != LDAP_NO_SUCH_ATTRIBUTE) {
            *failed_r = both[i];
            result = -1;
        }
    }
    if (result == 0)
        result = csn[0] != NULL && csn[1] != NULL && strcmp(csn[0], csn[1]) == 0;
    free(csn[0]);
    free(csn[1]);
    return result;
}

int slapdtest_await_in_sync(struct slapdtest *a, struct slapdtest *b)
{
    long long deadline = slapdtest_i_now_ms() + a->timeout_ms;
    char error[sizeof(a->error)];
    struct slapdtest *failed;

    for (;;) {
        int same = compare_csns(a, b, &failed);

        if (same == 1)
            return 0;
        if (same < 0) {
            memcpy(error, failed->error, sizeof(error));
            return slapdtest_i_fail(a, failed->rc, "%.900s", error); /* cut to leave room, never reached by our texts */
        }
        if (slapdtest_i_now_ms() >= deadline)
            return slapdtest_i_fail(a, LDAP_TIMEOUT, "%s and %s not in sync within %u ms", a->uri, b->uri,
                                    a->timeout_ms);
        slapdtest_i_nap(LOOK_AGAIN_MS);
    }
}

/*
 * The second follows the first before the first follows the second: a consumer that comes to an empty provider is
 * refused with noSuchObject and only tries again a second later. The change made on the second then shows that both
 * ways work.
 */
static int join(struct slapdtest *pair[2])
{
    if (add_suffix(pair[0]) != 0 || follow(pair[1], pair[0]) != 0 || slapdtest_await_in_sync(pair[0], pair[1]) != 0)
        return -1;
    if (follow(pair[0], pair[1]) != 0)
        return -1;
    return slapdtest_replace(pair[1], pair[1]->suffix, "description", "written on the second") == 0
               ? slapdtest_await_in_sync(pair[0], pair[1])
               : -1;
}

int slapdtest_run_pair(const struct slapdtest_options *options, struct slapdtest *pair_r[2], char *error,
                       size_t error_size)
{
    struct slapdtest_options own = options != NULL ? *options : SLAPDTEST_OPTIONS_INIT;
    int result = 0;

    pair_r[0] = pair_r[1] = NULL;
    for (unsigned i = 0; i < 2 && result == 0; i++) {
        own.server_id = i + 1;
        pair_r[i] = slapdtest_new(&own, error, error_size);
        result = pair_r[i] != NULL ? slapdtest_start(pair_r[i]) : -1;
    }
    if (result == 0)
        result = join(pair_r);
    if (result == 0) {
        for (int i = 0; i < 2; i++) { /* looking too early isn't a failure */
            pair_r[i]->error[0] = '\0';
            pair_r[i]->rc = 0;
        }
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (pair_r[i] != NULL && pair_r[i]->rc != 0 && error_size > 0)
            snprintf(error, error_size, "server %d: %s", i + 1, pair_r[i]->error);
        slapdtest_free(&pair_r[i]);
    }
    return -1;
}
