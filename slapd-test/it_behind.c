/* Providers that went back, were emptied or reloaded: recovered by themselves as far as it is safe, held where it is not, and
 * explained in status. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "axsync_test.h"

#define N 50

/* axsync binds as the rootdn, which is there even in an empty database. */
#define AS_ROOT "bindDN = \"cn=admin," SUFFIX "\"\nbindPass = \"secret\"\n"

static struct axsync *mirrored(struct slapdtest *s, const char *overrides)
{
    struct axsync *a = axsync_new(s, overrides);

    axsync_expect_error(a, " hold ");
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    return a;
}

static struct axsync *company(const char *overrides)
{
    return mirrored(run_company(&(struct slapdtest_options){.dbnosync = true}, N), overrides);
}

static size_t deletes(struct axsync *a)
{
    return axsync_output_count(a, 0, "\"action\":\"account.delete\"");
}

static void nothing_was_deleted(struct axsync *a)
{
    CHECK(a, deletes(a) == 0, "%zu accounts were deleted", deletes(a));
}

static bool holds_so_many(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a), *hold = json_array_get(json_object_get(status, "holds"), 0);
    bool is = hold != NULL && json_integer_value(json_object_get(hold, "count")) == *(json_int_t *)ctx;

    json_decref(status);
    return is;
}

/* So many deletions are held; somebody approves them. */
static void approve_so_many(struct axsync *a, json_int_t count)
{
    json_t *status;
    char id[32];

    axsync_await(a, "the deletions are held", holds_so_many, &count);
    nothing_was_deleted(a);
    status = axsync_status(a);
    snprintf(id, sizeof(id), "%s", axsync_text(json_array_get(json_object_get(status, "holds"), 0), "id"));
    json_decref(status);
    CHECK(a, axsync_command(a, "approve", id, NULL) == EX_OK, "approve failed");
}

/* ---- a crash ------------------------------------------------------------------------------------------------ */

/* slapd keeps contextCSN in memory between a start and a clean stop (without olcSpCheckpoint): a crash takes it back to what it
 * was at the start. Then the server seems to be behind, and refuses the cookie until something is written. */
Test(behind, server_crashed, .timeout = 280)
{
    struct axsync *a = company("");

    axsync_stop(a);
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "Before the crash"));
    DO(a, slapdtest_delete(a->server, PERSON("000002")));
    DO(a, slapdtest_kill(a->server));
    DO(a, slapdtest_start(a->server));
    axsync_start(a);
    axsync_await_error(a, "is behind for server ID 000");   /* refreshed without a cookie */
    axsync_await_phase(a, "insync");
    CHECK(a, axsync_output_count(a, 0, "Before the crash") == 1, "what came before the crash is lost");
    nothing_was_deleted(a);                                 /* it proves nothing yet */
    DO(a, slapdtest_replace(a->server, PERSON("000020"), "title", "The first write after it"));
    approve_so_many(a, 1);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    CHECK(a, deletes(a) == 1, "%zu deletions", deletes(a));
    end_company(&a);
}

/* ---- a backup ----------------------------------------------------------------------------------------------- */

/* The path of a file in the server's folder. */
static char *backup_path(const struct axsync *a)
{
    char *path;

    if (asprintf(&path, "%s/backup.ldif", slapdtest_folder(a->server)) < 0)
        abort();
    return path;
}

static void restore(struct axsync *a, const char *path)
{
    DO(a, slapdtest_stop(a->server));
    DO(a, slapdtest_wipe(a->server));
    DO(a, slapdtest_load_file(a->server, path));
    DO(a, slapdtest_start(a->server));
}

/* A backup is made; then somebody changes, somebody comes and somebody goes; and then the backup is put back. */
static struct axsync *after_a_backup(bool watched)
{
    struct axsync *a = company("");
    char *path = backup_path(a);

    DO(a, slapdtest_stop(a->server));
    DO(a, slapdtest_save_file(a->server, path));
    DO(a, slapdtest_start(a->server));
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "After the backup"));
    DO(a, slapdtest_add(a->server, "uid=late," PEOPLE,
                        "objectClass: inetOrgPerson\nuid: late\ncn: late\nsn: late\nmail: late@example.com\n"));
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    if (!watched)
        axsync_stop(a);
    restore(a, path);
    free(path);
    return a;
}

/* Nothing of it goes back as long as nobody writes; with the first write it does, and who is missing then is held. */
Test(behind, backup_without_writes_and_with, .timeout = 280)
{
    struct axsync *a = after_a_backup(true);
    size_t lines = a->target.lines;

    axsync_await_error(a, "is behind for server ID 000");
    axsync_await_phase(a, "insync");
    axsync_read_output(a);
    CHECK(a, a->target.lines == lines, "the backup went out");
    DO(a, slapdtest_replace(a->server, PERSON("000020"), "title", "The first write after it"));
    approve_so_many(a, 1);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    CHECK(a, deletes(a) == 1, "%zu deletions", deletes(a));
    end_company(&a);
}

/* Restored and written to before axsync looked again: slapd takes the cookie and says only what was written since. Comparing
 * everything finds it. */
Test(behind, backup_with_writes_while_nobody_looked, .timeout = 280)
{
    struct axsync *a = after_a_backup(false);

    DO(a, slapdtest_replace(a->server, PERSON("000020"), "title", "The first write after it"));
    axsync_configure(a, "reconcileInterval = 2\ndeleteGrace = 60\n");
    axsync_start(a);
    axsync_await_log(a, "a backup was restored and written to");
    approve_so_many(a, 1);   /* who was there after the backup */
    axsync_await_mirror(a, NULL);
    end_company(&a);
}

/* The operator says that this is how the directory shall be. */
Test(behind, backup_and_resync, .timeout = 280)
{
    struct axsync *a = after_a_backup(true);

    axsync_await_error(a, "axsync resync");
    CHECK(a, axsync_command(a, "resync", NULL) == EX_OK, "resync failed");
    approve_so_many(a, 1);   /* back to older content, but nobody is deleted by that word */
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    end_company(&a);
}

/* ---- emptied and reloaded ----------------------------------------------------------------------------------- */

static char *saved(struct axsync *a)
{
    char *path = backup_path(a);

    DO(a, slapdtest_stop(a->server));
    DO(a, slapdtest_save_file(a->server, path));
    return path;
}

/* Emptied, and its data comes back as it was: nothing happens, and all goes on. */
Test(behind, server_is_emptied_and_filled_again, .timeout = 280)
{
    struct axsync *a = company(AS_ROOT);
    char *path = saved(a);
    size_t lines = a->target.lines;

    DO(a, slapdtest_wipe(a->server));
    DO(a, slapdtest_start(a->server));
    axsync_await_error(a, "was the database emptied");
    nothing_was_deleted(a);
    restore(a, path);
    axsync_await_settled(a);
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "It goes on"));
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    CHECK(a, a->target.lines == lines + 1, "%zu lines, not 1", a->target.lines - lines);
    nothing_was_deleted(a);
    free(path);
    end_company(&a);
}

/* The same people under the same contextCSN, all with other UUIDs: to the cookie slapd answers that nothing has changed. Only the
 * mark tells. */
Test(behind, database_is_reloaded_under_the_same_cookie, .timeout = 280)
{
    struct axsync *a = company(AS_ROOT);
    char *path = saved(a), *ldif = axsync_file(path), *to = ldif;
    FILE *out = fopen(path, "we");
    size_t lines = a->target.lines;

    cr_assert_not_null(out);
    for (char *line = strtok_r(ldif, "\n", &to); line; line = strtok_r(NULL, "\n", &to)) {
        if (strncmp(line, "dn: ", 4) == 0)
            fputc('\n', out);   /* strtok_r() swallows the empty lines */
        if (strncmp(line, "entryUUID: ", 11) == 0)
            line[11] = line[11] == '1' ? '2' : '1';
        fprintf(out, "%s\n", line);
    }
    fclose(out);
    free(ldif);
    restore(a, path);
    free(path);
    axsync_await_log(a, "the base entry has another entryUUID");
    axsync_await(a, "the deletions are held", holds_so_many, &(json_int_t){N});
    axsync_read_output(a);
    CHECK(a, a->target.lines == lines, "something went out");
    nothing_was_deleted(a);
    end_company(&a);
}
