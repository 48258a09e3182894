/* The folder, the configuration and the process of one ns-slapd. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dstest_internal.h"

#define PROGRAM "/usr/sbin/ns-slapd"
#define TEMPLATE "/usr/share/dirsrv/data/template-dse.ldif"
#define TEMPLATE_SUFFIX "/usr/share/dirsrv/data/template-suffix-db.ldif"
#define USER "dirsrv"        /* of the package */
#define PATIENCE_MS 60000
#define LOOK_AGAIN_MS 20

bool dstest_is_installed(char *text, size_t size)
{
    static const char *const needed[] = {PROGRAM, TEMPLATE, TEMPLATE_SUFFIX};

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        if (access(needed[i], R_OK) != 0) {
            snprintf(text, size, "389-ds-base is not installed: %s: %s", needed[i], strerror(errno));
            return false;
        }
    return true;
}

/* ---- configuration ------------------------------------------------------------------------------------------ */

static const char *user_name(const struct dstest *d)
{
    const struct passwd *user = getpwuid(d->uid);

    return user ? user->pw_name : "nobody";
}

/* What stands for %word% in the templates; paths are relative to the folder. */
static void put_word(struct dstest *d, const char *word, FILE *out)
{
    static const char *const values[][2] = {
        {"ds_suffix", DSTEST_SUFFIX}, {"rootdn", DSTEST_ROOTDN}, {"ds_passwd", "{CLEAR}" DSTEST_ROOTPW}, {"fqdn", "localhost"},
        {"ldapi_enabled", "off"}, {"ldapi_autobind", "off"}, {"db_lib", "bdb"}, {"ds_bename", "userRoot"},
    };
    static const char *const paths[][2] = {
        {"schema_dir", "/config/schema"}, {"config_dir", "/config"}, {"cert_dir", "/config"}, {"inst_dir", ""},
        {"db_dir", "/db"}, {"db_home_dir", "/db"}, {"ldapi", "/ldapi"}, {"ldif_dir", "/tmp"}, {"bak_dir", "/tmp"},
        {"tmp_dir", "/tmp"}, {"run_dir", "/run"}, {"lock_dir", "/run"}, {"log_dir", "/log"},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if (strcmp(word, values[i][0]) == 0)
            fputs(values[i][1], out);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        if (strcmp(word, paths[i][0]) == 0)
            fprintf(out, "%s%s", d->folder, paths[i][1]);
    if (strcmp(word, "ds_port") == 0)
        fprintf(out, "%u", d->port.number);
    if (strcmp(word, "ds_user") == 0)
        fputs(user_name(d), out);
}

static void put_line(struct dstest *d, char *line, FILE *out)
{
    char *rest = line, *begin, *end;

    while ((begin = strchr(rest, '%')) != NULL && (end = strchr(begin + 1, '%')) != NULL) {
        *begin = *end = '\0';
        fputs(rest, out);
        put_word(d, begin + 1, out);
        rest = end + 1;
    }
    fputs(rest, out);
}

/* Lines of ours behind the one that has the name of its entry. */
static void put_more(const struct dstest *d, const char *line, FILE *out)
{
    if (strncmp(line, "nsslapd-port:", 13) == 0)
        fputs("nsslapd-listenhost: 127.0.0.1\nnsslapd-accesslog-logging-enabled: off\n", out);
    if (strncmp(line, "nsslapd-db-home-directory:", 26) == 0)
        fputs("nsslapd-db-durable-transaction: off\n", out);   /* no test here is about a disk */
    if (strcmp(line, "cn: Retro Changelog Plugin\n") == 0)
        fputs("nsslapd-attribute: nsuniqueid:targetUniqueId\n", out);
    if (strcmp(line, "cn: Retro Changelog Plugin\n") == 0 && d->options.trim_s > 0)
        fprintf(out, "nsslapd-changelogmaxage: %us\nnsslapd-changelog-trim-interval: 1\n", d->options.trim_s);
}

/* Whether the entry that the line belongs to is a plugin that has to be on. */
static bool is_wanted(const struct dstest *d, const char *dn)
{
    return !d->options.no_sync && (strncmp(dn, "dn: cn=Retro Changelog Plugin,", 30) == 0 ||
                                   strncmp(dn, "dn: cn=Content Synchronization,", 31) == 0);
}

static int put_template(struct dstest *d, const char *path, FILE *out)
{
    char line[1024], copy[1024], dn[1024] = "";
    FILE *from = fopen(path, "re");

    if (from == NULL)
        return dstest_i_fail(d, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), from) != NULL) {
        snprintf(copy, sizeof(copy), "%s", line);
        if (strncmp(line, "dn:", 3) == 0)
            snprintf(dn, sizeof(dn), "%s", line);
        if (strcmp(line, "nsslapd-pluginenabled: off\n") == 0 && is_wanted(d, dn))
            fputs("nsslapd-pluginenabled: on\n", out);
        else
            put_line(d, line, out);
        put_more(d, copy, out);
    }
    fclose(from);
    return 0;
}

/* Without a file for the user's own schema it does not start, and does not say why. */
static int write_schema(struct dstest *d)
{
    char path[256];
    FILE *out;

    snprintf(path, sizeof(path), "%s/config/schema/99user.ldif", d->folder);
    out = fopen(path, "we");
    if (out == NULL || fputs("dn: cn=schema\n", out) < 0 || fclose(out) != 0)
        return dstest_i_fail(d, "%s: %s", path, strerror(errno));
    return 0;
}

static int write_config(struct dstest *d)
{
    char path[256];
    FILE *out;
    int rc;

    snprintf(path, sizeof(path), "%s/config/dse.ldif", d->folder);
    out = fopen(path, "we");
    if (out == NULL)
        return dstest_i_fail(d, "%s: %s", path, strerror(errno));
    rc = put_template(d, TEMPLATE, out);
    if (rc == 0)
        rc = put_template(d, TEMPLATE_SUFFIX, out);
    return fclose(out) == 0 ? rc : dstest_i_fail(d, "%s: %s", path, strerror(errno));
}

/* ---- the folder --------------------------------------------------------------------------------------------- */

static uid_t new_owner;
static gid_t new_group;

static int own_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return lchown(path, new_owner, new_group);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void choose_user(struct dstest *d)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(USER) : NULL;

    d->uid = user ? user->pw_uid : geteuid();
    d->gid = user ? user->pw_gid : getegid();
}

static int make_folder(struct dstest *d)
{
    static const char *const parts[] = {"config", "config/schema", "db", "tmp", "run", "log"};
    const char *tmp = getenv("TMPDIR");
    char path[256];

    snprintf(d->folder, sizeof(d->folder), "%s/dstest-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (mkdtemp(d->folder) == NULL)
        return dstest_i_fail(d, "%s: %s", d->folder, strerror(errno));
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        snprintf(path, sizeof(path), "%s/%s", d->folder, parts[i]);
        if (mkdir(path, 0700) != 0)
            return dstest_i_fail(d, "%s: %s", path, strerror(errno));
    }
    if (write_schema(d) != 0 || write_config(d) != 0)
        return -1;
    new_owner = d->uid;
    new_group = d->gid;
    if (nftw(d->folder, own_one, 8, FTW_PHYS) != 0)
        return dstest_i_fail(d, "%s: %s", d->folder, strerror(errno));
    return 0;
}

/* ---- the process -------------------------------------------------------------------------------------------- */

/* After fork(2): async-signal-safe calls only. */
static _Noreturn void become_server(const struct dstest *d, pid_t parent, char **argv, int out)
{
    sigset_t none;

    setpgid(0, 0);
    if (geteuid() == 0 && d->uid != 0 && (setgid(d->gid) != 0 || setuid(d->uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* behind setuid(2), which takes it back */
    if (getppid() != parent)
        _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
        _exit(126);
    close_range(3, ~0U, 0);
    execv(PROGRAM, argv);
    _exit(127);
}

static int spawn(struct dstest *d)
{
    char config[200], pid_file[200], log[200], *argv[] = {(char *)(uintptr_t)"ns-slapd", (char *)(uintptr_t)"-D", config,
                                                          (char *)(uintptr_t)"-i", pid_file, (char *)(uintptr_t)"-d",
                                                          (char *)(uintptr_t)"0", NULL};
    pid_t parent = getpid();
    int out;

    snprintf(config, sizeof(config), "%s/config", d->folder);
    snprintf(pid_file, sizeof(pid_file), "%s/run/pid", d->folder);
    snprintf(log, sizeof(log), "%s/log/output", d->folder);
    out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return dstest_i_fail(d, "%s: %s", log, strerror(errno));
    d->pid = fork();
    if (d->pid == 0)
        become_server(d, parent, argv, out);
    close(out);
    if (d->pid > 0)
        return 0;
    d->pid = 0;
    return dstest_i_fail(d, "fork: %s", strerror(errno));
}

int dstest_start(struct dstest *d)
{
    long long deadline = slapdtest_i_now_ms() + PATIENCE_MS;
    int status;

    if (d->pid != 0)
        return dstest_i_fail(d, "start: ns-slapd runs already (pid %ld)", (long)d->pid);
    if (spawn(d) != 0)
        return -1;
    while (slapdtest_i_now_ms() < deadline) {
        char text[64];

        if (slapdtest_i_wait(d->pid, 0, &status) == 1) {
            d->pid = 0;
            return dstest_i_fail(d, "ns-slapd ended with %s while it started; see %s/log",
                                 slapdtest_i_status_text(status, text, sizeof(text)), d->folder);
        }
        if (dstest_i_bind(d) == 0)
            return 0;
        slapdtest_i_nap(LOOK_AGAIN_MS);
    }
    dstest_stop(d);
    return dstest_i_fail(d, "ns-slapd did not answer within %d ms; see %s/log", PATIENCE_MS, d->folder);
}

int dstest_stop(struct dstest *d)
{
    int status;

    if (d->pid == 0)
        return 0;
    dstest_i_hang_up(d);
    kill(d->pid, SIGTERM);
    if (slapdtest_i_wait(d->pid, slapdtest_i_now_ms() + PATIENCE_MS, &status) == 0) {
        kill(d->pid, SIGKILL);
        while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR)
            continue;
        d->pid = 0;
        return dstest_i_fail(d, "ns-slapd had to be killed: it did not end within %d ms of SIGTERM", PATIENCE_MS);
    }
    d->pid = 0;
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static int set_up(struct dstest *d)
{
    choose_user(d);
    if (slapdtest_i_port_take(&d->reports, &d->port) != 0)
        return dstest_i_fail(d, "%s", d->reports.error);
    snprintf(d->uri, sizeof(d->uri), "ldap://127.0.0.1:%u", d->port.number);
    if (make_folder(d) != 0 || dstest_start(d) != 0)
        return -1;
    return dstest_add(d, DSTEST_SUFFIX, "objectClass: domain\ndc: example\n"
                      "aci: (targetattr != \"userPassword\")(version 3.0; acl \"all may read\"; allow (read, search, compare) "
                      "userdn = \"ldap:///anyone\";)\n");
}

struct dstest *dstest_run(const struct dstest_options *options, char *error, size_t error_size)
{
    struct dstest *d;

    if (!dstest_is_installed(error, error_size))
        return NULL;
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->port.fd = -1;
    if (options)
        d->options = *options;
    if (set_up(d) == 0)
        return d;
    snprintf(error, error_size, "%s", d->error);
    d->keep = true;
    dstest_free(&d);
    return NULL;
}

void dstest_free(struct dstest **dp)
{
    struct dstest *d = *dp;

    *dp = NULL;
    dstest_stop(d);
    slapdtest_i_port_release(&d->port);
    if (!d->keep)
        nftw(d->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(d);
}

const char *dstest_uri(const struct dstest *d)
{
    return d->uri;
}

const char *dstest_folder(const struct dstest *d)
{
    return d->folder;
}

const char *dstest_error(const struct dstest *d)
{
    return d->error;
}
