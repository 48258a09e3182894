/* What needs slapd to be stopped: loading, saving and emptying the database (slapadd(8), slapcat(8)). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "slapdtest_internal.h"

static int refuse_running(struct slapdtest *s, const char *what)
{
    if (slapdtest_running(s))
        return slapdtest_i_fail(s, LDAP_OTHER, "%s: slapd must be stopped first", what);
    return 0;
}

int slapdtest_load_file(struct slapdtest *s, const char *path)
{
    char folder[160], sid[16];
    const char *arguments[12] = {"-q", "-F", folder, "-b", s->suffix, "-l", path};
    size_t n = 7;

    if (refuse_running(s, "load") != 0)
        return -1;
    snprintf(folder, sizeof(folder), "%s/slapd.d", s->folder);
    snprintf(sid, sizeof(sid), "%u", s->server_id);
    if (s->syncprov)
        arguments[n++] = "-w"; /* else contextCSN stays behind, and a refreshOnly sync leaves entries out */
    if (s->server_id != 0) {
        arguments[n++] = "-S";
        arguments[n++] = sid;
    }
    return slapdtest_i_tool(s, "add", arguments);
}

int slapdtest_save_file(struct slapdtest *s, const char *path)
{
    char folder[160];
    const char *arguments[] = {"-F", folder, "-b", s->suffix, "-l", path, NULL};

    if (refuse_running(s, "save") != 0)
        return -1;
    snprintf(folder, sizeof(folder), "%s/slapd.d", s->folder);
    return slapdtest_i_tool(s, "cat", arguments);
}

int slapdtest_wipe(struct slapdtest *s)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};

    if (refuse_running(s, "wipe") != 0)
        return -1;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[160];

        snprintf(path, sizeof(path), "%s/db/%s", s->folder, names[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return slapdtest_i_fail(s, LDAP_OTHER, "wipe: %s: %s", path, strerror(errno));
    }
    return 0;
}
