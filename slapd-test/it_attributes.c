/* schema/axsync.ldif in a real slapd: which mapped attributes it lacks is named, by check and when the daemon starts. */
#include <string.h>
#include <sysexits.h>

#include "axsync_test.h"

#define MISSING "the server's schema has not these mapped attributes of "

static const char *const ours[] = {"axsyncAlias", "axsyncAccountType", "axsyncAccountClass", "axsyncServices", "axsyncQuotaKB", NULL};
static const char *const schemas[] = {AXSYNC_SCHEMA, NULL};

static const char *line_with(const char *text, const char *words, char *line, size_t size)
{
    const char *at = strstr(text, words);

    snprintf(line, size, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
    return line;
}

Test(attributes, what_is_missing_is_named, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 2), "attribute \"noSuchType;x-y\" { field = \"contactInfo.homePhone\" }");
    char line[1024], *log;

    CHECK(a, axsync_command(a, "check", NULL) == EX_OK, "check: %s%s", a->out, a->err);
    line_with(a->out, MISSING, line, sizeof(line));
    for (size_t i = 0; ours[i]; i++)
        CHECK(a, strstr(line, ours[i]) != NULL, "%s is not named: %s", ours[i], a->out);
    CHECK(a, strstr(line, "noSuchType;x-y (contactInfo.homePhone)") != NULL, "what was mapped is not named: %s", a->out);
    CHECK(a, strstr(line, "givenName") == NULL && strstr(line, "mail") == NULL, "what is there is named: %s", line);
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_stop(a);
    log = axsync_file(a->log);
    line_with(log, MISSING, line, sizeof(line));
    for (size_t i = 0; ours[i]; i++)
        CHECK(a, strstr(line, ours[i]) != NULL, "%s is not named: %s", ours[i], line);
    CHECK(a, strstr(line, "noSuchType") != NULL && strstr(line, "givenName") == NULL, "%s", line);
    CHECK(a, axsync_log_count(a, MISSING) == 1, "it is said more than once");
    free(log);
    end_company(&a);
}

Test(attributes, nothing_is_missing, .timeout = 120)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a;

    options.schemas = schemas;
    a = axsync_new(run_company(&options, 2), NULL);
    CHECK(a, axsync_command(a, "check", NULL) == EX_OK, "check: %s%s", a->out, a->err);
    CHECK(a, strstr(a->out, MISSING) == NULL && strstr(a->out, "the server's schema has all ") != NULL, "%s", a->out);
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_stop(a);
    CHECK(a, axsync_log_count(a, MISSING) == 0, "something is missing");
    end_company(&a);
}
