/* The handle: made, freed, asked. */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slapdtest_internal.h"

#define DEFAULT_TIMEOUT_MS 60000

/* A folder's path goes into sockaddr_un, which has room for 108 bytes. */
#define FOLDER_ROOM 80

/*
 * Handles that are alive, so that a test that fails half-way leaves no folder behind. The lock is for threads with a
 * server each; a handle itself is for one thread.
 */
static pthread_mutex_t alive_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slapdtest *alive;
static bool at_exit_is_set;

int slapdtest_i_fail(struct slapdtest *s, int rc, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(s->error, sizeof(s->error), format, arguments);
    va_end(arguments);
    s->rc = rc;
    return -1;
}

char *slapdtest_i_text(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

static void free_all(void)
{
    struct slapdtest *s;

    while ((s = alive) != NULL) /* slapdtest_free() takes it off the list */
        slapdtest_free(&s);
}

static void enlist(struct slapdtest *s)
{
    pthread_mutex_lock(&alive_lock);
    if (!at_exit_is_set)
        at_exit_is_set = atexit(free_all) == 0;
    s->next = alive;
    alive = s;
    pthread_mutex_unlock(&alive_lock);
}

static void delist(const struct slapdtest *s)
{
    struct slapdtest **p;

    pthread_mutex_lock(&alive_lock);
    for (p = &alive; *p != NULL; p = &(*p)->next) {
        if (*p == s) {
            *p = s->next;
            break;
        }
    }
    pthread_mutex_unlock(&alive_lock);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int make_folder(struct slapdtest *s)
{
    const char *base = getenv("TMPDIR"), *inside[] = {"slapd.d", "db"};
    char path[FOLDER_ROOM + 16];

    if (base == NULL || *base != '/' || strlen(base) + sizeof("/slapdtest-XXXXXX") > FOLDER_ROOM)
        base = "/tmp"; /* a relative one would not survive chdir(2), a long one leaves no room for the socket */
    snprintf(path, sizeof(path), "%s/slapdtest-XXXXXX", base);
    if (mkdtemp(path) == NULL)
        return slapdtest_i_fail(s, LDAP_OTHER, "mkdtemp %s: %s", path, strerror(errno));
    s->folder = strdup(path);
    if (s->folder == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    snprintf(s->log_path, sizeof(s->log_path), "%s/slapd.log", s->folder);
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
        snprintf(path, sizeof(path), "%s/%s", s->folder, inside[i]);
        if (mkdir(path, 0700) != 0)
            return slapdtest_i_fail(s, LDAP_OTHER, "mkdir %s: %s", path, strerror(errno));
    }
    return 0;
}

/* ldapi:// wants its path percent-encoded: all but what RFC 3986 calls unreserved. */
static char *ldapi_uri(const char *folder)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char path[FOLDER_ROOM + 16], *uri = malloc(sizeof("ldapi://") + 3 * sizeof(path)), *to = uri;

    if (uri == NULL)
        return NULL;
    snprintf(path, sizeof(path), "%s/ldapi", folder);
    to += sprintf(to, "ldapi://");
    for (const char *p = path; *p != '\0'; p++)
        to += sprintf(to, strchr(unreserved, *p) != NULL ? "%c" : "%%%02X", (unsigned char)*p);
    return uri;
}

void slapdtest_set_timeout(struct slapdtest *s, unsigned timeout_ms)
{
    s->timeout_ms = timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
    slapdtest_i_disconnect(s); /* the kept connections have the old one */
}

static int fill(struct slapdtest *s, const struct slapdtest_options *o)
{
    const char *level = getenv("SLAPDTEST_LOGLEVEL");

    if (level == NULL || *level == '\0')
        level = o->loglevel != NULL ? o->loglevel : "none"; /* not "0", which hides why a start failed */
    s->suffix = strdup(o->suffix != NULL ? o->suffix : "dc=example,dc=com");
    s->rootpw = strdup(o->rootpw != NULL ? o->rootpw : "secret");
    s->loglevel = strdup(level);
    s->uri_ldapi = ldapi_uri(s->folder);
    if (s->suffix == NULL || s->rootpw == NULL || s->loglevel == NULL || s->uri_ldapi == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    s->rootdn = o->rootdn != NULL ? strdup(o->rootdn) : slapdtest_i_text("cn=admin,%s", s->suffix);
    if (s->rootdn == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    s->tls = o->tls;
    s->syncprov = !o->no_syncprov;
    s->server_id = o->server_id;
    slapdtest_set_timeout(s, o->timeout_ms);
    return 0;
}

struct slapdtest *slapdtest_new(const struct slapdtest_options *options, char *error, size_t error_size)
{
    static const struct slapdtest_options defaults;
    struct slapdtest *s = calloc(1, sizeof(*s));

    if (options == NULL)
        options = &defaults;
    if (error_size > 0)
        snprintf(error, error_size, "%s", s == NULL ? "out of memory" : "");
    if (s == NULL)
        return NULL;
    s->owner = getpid();
    s->port.fd = s->port_ldaps.fd = -1;
    enlist(s);
    if (make_folder(s) == 0 && fill(s, options) == 0 && (!s->tls || slapdtest_i_tls_setup(s, options) == 0) &&
        slapdtest_i_write_config(s, options) == 0)
        return s;
    if (error_size > 0)
        snprintf(error, error_size, "%s", s->error);
    slapdtest_free(&s);
    return NULL;
}

struct slapdtest *slapdtest_run(const struct slapdtest_options *options)
{
    char error[sizeof(((struct slapdtest *)NULL)->error)];
    struct slapdtest *s = slapdtest_new(options, error, sizeof(error));

    if (s == NULL) {
        fprintf(stderr, "slapdtest: %s\n", error);
    } else if (slapdtest_start(s) != 0) {
        slapdtest_print_log(s, stderr);
        slapdtest_free(&s);
    }
    return s;
}

static bool folder_is_kept(void)
{
    const char *keep = getenv("SLAPDTEST_KEEP");

    return keep != NULL && *keep != '\0' && strcmp(keep, "0") != 0;
}

static void end_server(struct slapdtest *s)
{
    slapdtest_stop(s);
    slapdtest_i_port_release(&s->port);
    slapdtest_i_port_release(&s->port_ldaps);
    if (s->folder == NULL)
        return;
    if (folder_is_kept())
        fprintf(stderr, "slapdtest: kept %s\n", s->folder);
    else
        nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void slapdtest_free(struct slapdtest **handle)
{
    struct slapdtest *s = *handle;

    if (s == NULL)
        return;
    *handle = NULL;
    delist(s);
    if (s->owner == getpid()) /* else we're a fork, and the server, its folder and its connections are not ours */
        end_server(s);
    free(s->folder);
    free(s->suffix);
    free(s->rootdn);
    free(s->rootpw);
    free(s->loglevel);
    free(s->uri);
    free(s->uri_ldaps);
    free(s->uri_ldapi);
    free(s->tls_ca);
    free(s);
}

const char *slapdtest_uri(const struct slapdtest *s)
{
    return s->uri;
}

const char *slapdtest_uri_ldaps(const struct slapdtest *s)
{
    return s->uri_ldaps;
}

const char *slapdtest_uri_ldapi(const struct slapdtest *s)
{
    return s->uri_ldapi;
}

unsigned slapdtest_port(const struct slapdtest *s)
{
    return s->port.number;
}

unsigned slapdtest_port_ldaps(const struct slapdtest *s)
{
    return s->port_ldaps.number;
}

const char *slapdtest_suffix(const struct slapdtest *s)
{
    return s->suffix;
}

const char *slapdtest_rootdn(const struct slapdtest *s)
{
    return s->rootdn;
}

const char *slapdtest_rootpw(const struct slapdtest *s)
{
    return s->rootpw;
}

const char *slapdtest_folder(const struct slapdtest *s)
{
    return s->folder;
}

long slapdtest_pid(const struct slapdtest *s)
{
    return s->pid;
}

const char *slapdtest_tls_ca(const struct slapdtest *s)
{
    return s->tls_ca;
}

const char *slapdtest_error(const struct slapdtest *s)
{
    return s->error;
}

int slapdtest_rc(const struct slapdtest *s)
{
    return s->rc;
}
