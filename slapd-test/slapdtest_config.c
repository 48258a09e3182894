/*
 * The first configuration: an LDIF for slapadd -n0, written from the options (slapd-config(5)). Nothing of the
 * machine's own slapd is used but its modules and the schema files of the package.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slapdtest_internal.h"

#define DEFAULT_MAP_SIZE ((uint64_t)1 << 30)

/* olcSpCheckpoint wants two numbers, neither of them 0: the one that was not given is so large that it never comes. (Minutes
 * become seconds in an int there.) */
#define NEVER 1000000u

/* slapadd and slapindex use so many threads for indexes. */
#define TOOL_THREADS "2"

static const char *const default_indexes[] = {"objectClass eq", "entryUUID eq", "entryCSN eq",
                                              "uid eq",         "mail eq",      NULL};
static const char *const default_schemas[] = {"core", "cosine", "inetorgperson", NULL};
static const char *const module_folders[] = {
    "/usr/lib/ldap",         "/usr/lib64/openldap",         "/usr/lib/openldap",
    "/usr/libexec/openldap", "/usr/local/libexec/openldap", NULL};
static const char *const schema_folders[] = {"/etc/ldap/schema", "/etc/openldap/schema",
                                             "/usr/local/etc/openldap/schema", NULL};

/* A folder named by the environment, or the first that's there; "" if none. */
static const char *find_folder(const char *variable, const char *const *usual)
{
    const char *given = getenv(variable);

    if (given != NULL)
        return given;
    while (*usual != NULL && access(*usual, X_OK) != 0)
        usual++;
    return *usual != NULL ? *usual : "";
}

static void put_number(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, "%s: %llu\n", name, (unsigned long long)value);
}

static void put_list(FILE *out, const char *name, const char *const *values)
{
    for (; values != NULL && *values != NULL; values++)
        slapdtest_i_put(out, name, *values);
}

/* Attribute lines from the caller, who may have left out the last line's end. */
static void put_lines(FILE *out, const char *lines)
{
    if (lines == NULL || *lines == '\0')
        return;
    fputs(lines, out);
    if (lines[strlen(lines) - 1] != '\n')
        fputc('\n', out);
}

static void put_tls(FILE *out, const struct slapdtest *s, const struct slapdtest_options *o)
{
    fprintf(out, "olcTLSCACertificateFile: %s/tls/ca.pem\n", s->folder);
    fprintf(out, "olcTLSCertificateFile: %s/tls/server.pem\n", s->folder);
    fprintf(out, "olcTLSCertificateKeyFile: %s/tls/server.key\n", s->folder);
    slapdtest_i_put(out, "olcTLSVerifyClient", o->tls_verify_client != NULL ? o->tls_verify_client : "never");
}

static void put_global(FILE *out, const struct slapdtest *s, const struct slapdtest_options *o)
{
    fputs("dn: cn=config\nobjectClass: olcGlobal\ncn: config\nolcToolThreads: " TOOL_THREADS "\n", out);
    if (o->server_id != 0)
        put_number(out, "olcServerID", o->server_id);
    if (o->tls)
        put_tls(out, s, o);
    put_lines(out, o->global_extra);
    fputc('\n', out);
}

/* A slapd with all built in has no module folder: SLAPDTEST_MODULES set to nothing says so. */
static void put_modules(FILE *out, const struct slapdtest_options *o)
{
    const char *folder = find_folder("SLAPDTEST_MODULES", module_folders);

    if (*folder == '\0')
        return;
    fputs("dn: cn=module{0},cn=config\nobjectClass: olcModuleList\ncn: module{0}\n", out);
    slapdtest_i_put(out, "olcModulePath", folder);
    slapdtest_i_put(out, "olcModuleLoad", "back_mdb");
    if (!o->no_syncprov)
        slapdtest_i_put(out, "olcModuleLoad", "syncprov");
    put_list(out, "olcModuleLoad", o->modules);
    fputc('\n', out);
}

/* Copied rather than taken by include:, which wants a URL and so breaks on some paths. */
static int put_file(struct slapdtest *s, FILE *out, const char *path)
{
    char piece[4096];
    FILE *in = fopen(path, "re");
    size_t n;

    if (in == NULL)
        return slapdtest_i_fail(s, LDAP_OTHER, "schema %s: %s", path, strerror(errno));
    while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
        fwrite(piece, 1, n, out);
    fputs("\n\n", out);
    fclose(in);
    return 0;
}

static int put_schemas(struct slapdtest *s, FILE *out, const struct slapdtest_options *o)
{
    const char *folder = find_folder("SLAPDTEST_SCHEMA", schema_folders);

    fputs("dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n", out);
    for (const char *const *name = default_schemas; *name != NULL; name++) {
        char path[1024];

        snprintf(path, sizeof(path), "%s/%s.ldif", folder, *name);
        if (put_file(s, out, path) != 0)
            return -1;
    }
    for (const char *const *path = o->schemas; path != NULL && *path != NULL; path++)
        if (put_file(s, out, *path) != 0)
            return -1;
    return 0;
}

static void put_database(FILE *out, const struct slapdtest *s, const struct slapdtest_options *o)
{
    fputs("dn: olcDatabase={0}config,cn=config\nobjectClass: olcDatabaseConfig\nolcDatabase: {0}config\n", out);
    slapdtest_i_put(out, "olcRootDN", SLAPDTEST_I_CONFIG_ROOTDN);
    slapdtest_i_put(out, "olcRootPW", s->rootpw);
    fputs("\ndn: " SLAPDTEST_DATABASE_DN "\nobjectClass: olcDatabaseConfig\nobjectClass: olcMdbConfig\n", out);
    slapdtest_i_put(out, "olcDatabase", "{1}mdb");
    slapdtest_i_put(out, "olcSuffix", s->suffix);
    slapdtest_i_put(out, "olcRootDN", s->rootdn);
    slapdtest_i_put(out, "olcRootPW", s->rootpw);
    fprintf(out, "olcDbDirectory: %s/db\n", s->folder);
    put_number(out, "olcDbMaxSize", o->map_size != 0 ? o->map_size : DEFAULT_MAP_SIZE);
    slapdtest_i_put(out, "olcDbNoSync", o->dbnosync ? "TRUE" : "FALSE");
    put_list(out, "olcDbIndex", o->indexes != NULL ? o->indexes : default_indexes);
    put_list(out, "olcLimits", o->limits);
    put_list(out, "olcAccess", o->access);
    if (o->sizelimit == 0)
        slapdtest_i_put(out, "olcSizeLimit", "unlimited");
    else if (o->sizelimit != SLAPDTEST_SIZELIMIT_SLAPD)
        fprintf(out, "olcSizeLimit: %d\n", o->sizelimit);
    put_lines(out, o->database_extra);
    fputc('\n', out);
}

static void put_syncprov(FILE *out, const struct slapdtest_options *o)
{
    fputs("dn: " SLAPDTEST_SYNCPROV_DN "\nobjectClass: olcOverlayConfig\nobjectClass: olcSyncProvConfig\n", out);
    slapdtest_i_put(out, "olcOverlay", "{0}syncprov");
    if (o->sessionlog != 0)
        put_number(out, "olcSpSessionlog", o->sessionlog);
    if (o->checkpoint_ops != 0 || o->checkpoint_minutes != 0)
        fprintf(out, "olcSpCheckpoint: %u %u\n", o->checkpoint_ops != 0 ? o->checkpoint_ops : NEVER,
                o->checkpoint_minutes != 0 ? o->checkpoint_minutes : NEVER);
    if (o->reloadhint)
        slapdtest_i_put(out, "olcSpReloadHint", "TRUE");
    fputc('\n', out);
}

static int put_all(struct slapdtest *s, FILE *out, const struct slapdtest_options *o)
{
    put_global(out, s, o);
    put_modules(out, o);
    if (put_schemas(s, out, o) != 0)
        return -1;
    put_database(out, s, o);
    if (!o->no_syncprov)
        put_syncprov(out, o);
    put_lines(out, o->extra_ldif);
    return 0;
}

int slapdtest_i_write_config(struct slapdtest *s, const struct slapdtest_options *options)
{
    char path[160], folder[160];
    const char *arguments[] = {"-n", "0", "-F", folder, "-l", path, NULL};
    FILE *out;
    int result;

    snprintf(path, sizeof(path), "%s/config.ldif", s->folder);
    snprintf(folder, sizeof(folder), "%s/slapd.d", s->folder);
    out = fopen(path, "we");
    if (out == NULL)
        return slapdtest_i_fail(s, LDAP_OTHER, "%s: %s", path, strerror(errno));
    result = put_all(s, out, options);
    if (fclose(out) != 0 && result == 0)
        result = slapdtest_i_fail(s, LDAP_OTHER, "%s: %s", path, strerror(errno));
    return result == 0 ? slapdtest_i_tool(s, "add", arguments) : -1;
}
