/*
 * slapdtest: a throw-away OpenLDAP server (slapd) for the tests of programs that talk LDAP.
 *
 *     struct slapdtest *s = slapdtest_run(NULL);             // slapd with dc=example,dc=com
 *     slapdtest_add_people(s, 100, 0);
 *     ... connect to slapdtest_uri(s) as slapdtest_rootdn(s) / slapdtest_rootpw(s) ...
 *     slapdtest_free(&s);
 *
 * Each server has a folder of its own under $TMPDIR (or /tmp), free ports on 127.0.0.1, an ldapi socket, cn=config
 * and one back-mdb database. It is a child of the calling process and runs as the calling user. docs/slapd-test.md
 * has the whole story, an example that compiles, and the environment variables.
 *
 * Results. Functions that can fail return 0 or -1, or a pointer or NULL; slapdtest_error() then says in one line what
 * failed and where, slapdtest_rc() has the LDAP result code. A success leaves both as they were.
 *
 * Threads and processes. Any number of servers may run at once, in any number of processes. A handle is for one
 * thread at a time and for the process that made it. The thread that starts a server must outlive it: the kernel
 * kills slapd when that thread ends (PR_SET_PDEATHSIG in prctl(2)), so that a crashed test leaves no server behind.
 *
 * Text given to a function is copied; it need not live on. Text given back as `const char *` belongs to the handle
 * and lives until slapdtest_free(), unless said otherwise; text given back as `char *` is the caller's, to be
 * released with free(3).
 */
#ifndef SLAPDTEST_H
#define SLAPDTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ldap; /* LDAP of <ldap.h> */

/* A server and its folder. */
struct slapdtest;

/*
 * DNs for slapdtest_config(): the database, and its syncprov overlay (slapd-config(5), slapd-mdb(5),
 * slapo-syncprov(5)).
 */
#define SLAPDTEST_DATABASE_DN "olcDatabase={1}mdb,cn=config"
#define SLAPDTEST_SYNCPROV_DN "olcOverlay={0}syncprov,olcDatabase={1}mdb,cn=config"

/* A map size that holds a million entries of slapdtest_people_ldif(). The file is sparse: it costs what is stored. */
#define SLAPDTEST_MAP_MILLION ((uint64_t)16 << 30)

/* For options.sizelimit: leave slapd's own default of 500 entries. */
#define SLAPDTEST_SIZELIMIT_SLAPD (-1)

/*
 * What kind of server. Zero or NULL in a field means its default, so that `{0}`, SLAPDTEST_OPTIONS_INIT and a NULL
 * pointer to options all give the same ordinary server. Lists are arrays that end with NULL.
 */
struct slapdtest_options {
    /* The database (slapd-config(5), slapd-mdb(5)) */
    const char *suffix;         /* naming context; "dc=example,dc=com". For people it must begin with dc=, o= or ou= */
    const char *rootdn;         /* who may do everything; "cn=admin,SUFFIX" */
    const char *rootpw;         /* password of rootdn and of cn=config; "secret" */
    uint64_t map_size;          /* olcDbMaxSize in bytes; 1 GiB. See SLAPDTEST_MAP_MILLION */
    bool dbnosync;              /* olcDbNoSync: commits don't wait for the disk; kill -9 of slapd still loses nothing */
    const char *const *indexes; /* olcDbIndex; eq for objectClass, entryUUID, entryCSN, uid and mail */
    const char *const *limits;  /* olcLimits, as "dn.exact=\"cn=reader,...\" size=10" (slapd.conf(5)); none */
    int sizelimit;              /* olcSizeLimit in entries; 0: unlimited, SLAPDTEST_SIZELIMIT_SLAPD: slapd's 500 */
    const char *const *access;  /* olcAccess, as "to * by users read" (slapd.access(5)); none: everybody may read */
    const char *database_extra; /* more attribute lines for the database's entry in cn=config, as LDIF */

    /* RFC 4533 provider (slapo-syncprov(5)) */
    bool no_syncprov;            /* leave the overlay out: a server that can't sync */
    unsigned sessionlog;         /* olcSpSessionlog in changes; 0: none, so that a resume is a present phase */
    unsigned checkpoint_ops;     /* olcSpCheckpoint: write contextCSN after so many changes ... */
    unsigned checkpoint_minutes; /* ... or minutes; both 0: at a clean stop only */
    bool reloadhint;             /* olcSpReloadHint: answer 4096 to a cookie too old, where the client asks for it */

    /* The server */
    unsigned server_id;         /* olcServerID, 1 to 4095; 0: none (the SID in CSNs is then 000) */
    const char *const *schemas; /* paths of more schema files, LDIF; core, cosine and inetorgperson are there */
    const char *const *modules; /* names of more modules (olcModuleLoad), as "memberof" */
    const char *global_extra;   /* more attribute lines for the entry cn=config, as LDIF */
    const char *extra_ldif;     /* more records for cn=config, as overlays; they come last, numbered after syncprov */
    const char *loglevel;       /* slapd -d, as "stats,sync"; "none": errors. SLAPDTEST_LOGLEVEL goes before it */
    unsigned timeout_ms;        /* deadline of a start, a stop and each operation; 60000 */

    /* TLS: a CA and a certificate for the server are made at slapdtest_new() */
    bool tls;                      /* ldaps:// on a second port, and StartTLS on the first */
    const char *tls_san;           /* names of the server (x509v3_config(5)); "IP:127.0.0.1,DNS:localhost" */
    bool tls_expired;              /* the server's certificate ended yesterday */
    const char *tls_verify_client; /* olcTLSVerifyClient; "never". "demand": see slapdtest_tls_issue() */
};

/* All defaults. */
#define SLAPDTEST_OPTIONS_INIT ((struct slapdtest_options){0})

/* ---- Life ---- */

/*
 * Make the folder, the configuration (slapadd(8) -n0) and an empty database; start nothing yet, so that the database
 * can be loaded offline first. options: NULL for all defaults. error, error_size: where to put a line of text on
 * failure; may be NULL, 0. Gives a handle for slapdtest_free(), or NULL.
 */
struct slapdtest *slapdtest_new(const struct slapdtest_options *options, char *error, size_t error_size);

/*
 * Start slapd(8) and wait until it answers a bind and a search. The first start finds free ports; later ones use the
 * same again. Running already: an error. 0 or -1; on -1 nothing runs.
 */
int slapdtest_start(struct slapdtest *s);

/* slapdtest_new() and slapdtest_start(); on failure the reason and slapd's log go to stderr, and NULL comes back. */
struct slapdtest *slapdtest_run(const struct slapdtest_options *options);

/*
 * End slapd with SIGTERM (continued first if paused) and wait for it. 0 when it ended by itself with status 0, also
 * when none was running; -1 when it had died, ended otherwise, or had to be killed at the deadline. In no case does
 * it run afterwards.
 */
int slapdtest_stop(struct slapdtest *s);

/* End slapd with SIGKILL and wait for it: a crash. 0, or -1 when none was running. */
int slapdtest_kill(struct slapdtest *s);

/*
 * slapdtest_stop() and slapdtest_start(): the same ports, the same data. Starts one that was stopped or killed as
 * well. 0 or -1.
 */
int slapdtest_restart(struct slapdtest *s);

/*
 * Stop answering, with connections and listeners left open (SIGSTOP), once the kernel says that it has stopped. 0 or
 * -1.
 */
int slapdtest_pause(struct slapdtest *s);

/* Undo slapdtest_pause() (SIGCONT). 0 or -1. */
int slapdtest_continue(struct slapdtest *s);

/*
 * Change the deadline of what is done from now on, in milliseconds; 0: the default. For an operation that is meant to
 * fail at it, on a paused server, after a start that may take its time.
 */
void slapdtest_set_timeout(struct slapdtest *s, unsigned timeout_ms);

/* Whether slapd is there; a paused one is. Notices one that died by itself. */
bool slapdtest_running(struct slapdtest *s);

/*
 * Stop slapd, remove the folder unless SLAPDTEST_KEEP=1 is set, release the handle and set *s to NULL. NULL is
 * allowed. Servers that are not freed are, at exit(3).
 */
void slapdtest_free(struct slapdtest **s);

/* ---- What and where ---- */

/* ldap://127.0.0.1:PORT; NULL before the first start. */
const char *slapdtest_uri(const struct slapdtest *s);

/* ldaps://127.0.0.1:PORT; NULL before the first start and without TLS. */
const char *slapdtest_uri_ldaps(const struct slapdtest *s);

/* ldapi://... with the socket's path percent-encoded. */
const char *slapdtest_uri_ldapi(const struct slapdtest *s);

/* Port of slapdtest_uri(), of slapdtest_uri_ldaps(); 0 where that is NULL. */
unsigned slapdtest_port(const struct slapdtest *s);
unsigned slapdtest_port_ldaps(const struct slapdtest *s);

/* The options as they came to be. */
const char *slapdtest_suffix(const struct slapdtest *s);
const char *slapdtest_rootdn(const struct slapdtest *s);
const char *slapdtest_rootpw(const struct slapdtest *s);

/*
 * The folder: slapd.d/ (configuration), db/ (database), tls/ (PEM files), ldapi (socket), slapd.log, and room for the
 * test's own.
 */
const char *slapdtest_folder(const struct slapdtest *s);

/* Process ID of slapd, 0 while none runs. */
long slapdtest_pid(const struct slapdtest *s);

/* PEM file of the CA that signed the server's certificate; NULL without TLS. */
const char *slapdtest_tls_ca(const struct slapdtest *s);

/*
 * Have the CA sign a client's certificate with the subject CN=name, good for a day; cert_r and key_r get the paths of
 * the two PEM files in the folder, to be released by the caller. name: letters, digits, "-", "_", "." only. 0 or -1
 * (also without TLS).
 */
int slapdtest_tls_issue(struct slapdtest *s, const char *name, char **cert_r, char **key_r);

/* ---- When something fails ---- */

/* What failed last, one line; "" when nothing has. Changes with the next failure. */
const char *slapdtest_error(const struct slapdtest *s);

/*
 * LDAP result code of the last failure (LDAP_NO_SUCH_OBJECT ...); LDAP_OTHER (80) when it didn't come from LDAP, 0
 * when nothing has failed.
 */
int slapdtest_rc(const struct slapdtest *s);

/*
 * The last max_bytes of slapd's log (0: all), from a start of a line, for the caller to free; NULL when out of
 * memory.
 */
char *slapdtest_log(const struct slapdtest *s, size_t max_bytes);

/* The error and the last 8 KiB of the log to a stream; for a test that has just failed. */
void slapdtest_print_log(const struct slapdtest *s, FILE *stream);

/* ---- Data, as rootdn, on a connection that the handle keeps ---- */

/*
 * Apply LDIF text (ldif(5)): records with `changetype:` add, modify, delete, modrdn or moddn; one without is an add,
 * and `control:` lines are heeded. Stops at the first error, whose text names the record's line and DN; what came
 * before it stays. What is wrong with text that isn't LDIF, libldap says on stderr. 0 or -1.
 */
int slapdtest_ldif(struct slapdtest *s, const char *ldif);

/* The same with text made like printf(3). Values aren't quoted: give what is LDIF already. */
int slapdtest_ldif_f(struct slapdtest *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Add one entry; attributes are LDIF lines without the dn, as "objectClass: person\ncn: x\nsn: x\n". The dn may have
 * any bytes. 0 or -1.
 */
int slapdtest_add(struct slapdtest *s, const char *dn, const char *attributes);

/* Delete one entry. 0 or -1. */
int slapdtest_delete(struct slapdtest *s, const char *dn);

/* Delete an entry and all below it, deepest first. 0 or -1. */
int slapdtest_delete_tree(struct slapdtest *s, const char *dn);

/*
 * Replace all values of an attribute by one; value NULL removes the attribute (no error when there is none). 0 or -1.
 */
int slapdtest_replace(struct slapdtest *s, const char *dn, const char *attribute, const char *value);

/* Add one value, remove one value. 0 or -1. */
int slapdtest_add_value(struct slapdtest *s, const char *dn, const char *attribute, const char *value);
int slapdtest_delete_value(struct slapdtest *s, const char *dn, const char *attribute, const char *value);

/* Rename and move: newrdn as "uid=b", the old RDN's values go; newsuperior NULL leaves the parent. 0 or -1. */
int slapdtest_rename(struct slapdtest *s, const char *dn, const char *newrdn, const char *newsuperior);

/*
 * Entries that match. base NULL: the suffix; scope: "base", "one", "sub" or "children"; filter NULL: (objectClass=*).
 * The number, or -1 (a base that doesn't exist is an error).
 */
long slapdtest_count(struct slapdtest *s, const char *base, const char *scope, const char *filter);

/*
 * First value of an attribute, operational ones too; for the caller to free. NULL when there's none (rc
 * LDAP_NO_SUCH_ATTRIBUTE) or on error.
 */
char *slapdtest_value(struct slapdtest *s, const char *dn, const char *attribute);

/* entryUUID of an entry as 36 characters, for the caller to free; NULL on error. */
char *slapdtest_entry_uuid(struct slapdtest *s, const char *dn);

/*
 * contextCSN of the suffix: all values, sorted by server ID, joined by ";" as in a cookie; for the caller to free;
 * NULL on error or if none.
 */
char *slapdtest_context_csn(struct slapdtest *s);

/* Ask until slapdtest_count() is n. 0, or -1 at the deadline or on error. */
int slapdtest_await_count(struct slapdtest *s, const char *base, const char *scope, const char *filter, long n);

/*
 * A new connection to slapdtest_uri(), protocol 3, bound simply; dn NULL: anonymous. password NULL: rootpw. ld_r: for
 * the caller to end with ldap_unbind_ext_s(3). 0 or -1, *ld_r is then NULL.
 */
int slapdtest_connect(struct slapdtest *s, const char *dn, const char *password, struct ldap **ld_r);

/* ---- Configuration while it runs, as rootdn of cn=config over ldapi ---- */

/* Apply LDIF text to cn=config (slapd-config(5)). Needs a running server; kept over restarts. 0 or -1. */
int slapdtest_config(struct slapdtest *s, const char *ldif);

/*
 * Replace all olcAccess of the database; a list that ends with NULL, NULL removes all. Open sync sessions see it at
 * their next change. 0 or -1.
 */
int slapdtest_set_access(struct slapdtest *s, const char *const *access);

/* ---- Offline, with slapd stopped (running: an error) ---- */

/*
 * Load an LDIF file by slapadd(8): quick (-q) and, with syncprov, contextCSN written (-w). Entries without entryUUID
 * and entryCSN get them. The way to load a million. 0 or -1.
 */
int slapdtest_load_file(struct slapdtest *s, const char *path);

/* Write the database to an LDIF file by slapcat(8), operational attributes included. 0 or -1. */
int slapdtest_save_file(struct slapdtest *s, const char *path);

/* Empty the database; the configuration stays. 0 or -1. */
int slapdtest_wipe(struct slapdtest *s);

/* ---- Two providers that replicate to each other ---- */

/*
 * Run two servers with server IDs 1 and 2, each a consumer of the other (olcSyncrepl refreshAndPersist,
 * olcMultiProvider), and wait until they are in touch: the suffix entry is made on the first and has come to the
 * second. options: for both; server_id is ignored. pair_r: two handles, each for slapdtest_free(). 0 or -1 with a
 * line of text in error, no handle then.
 */
int slapdtest_run_pair(const struct slapdtest_options *options, struct slapdtest *pair_r[2], char *error,
                       size_t error_size);

/* Wait until both have the same contextCSN. 0, or -1 at the deadline or on error (see slapdtest_error(a)). */
int slapdtest_await_in_sync(struct slapdtest *a, struct slapdtest *b);

/* ---- People ---- */

/*
 * Write LDIF: the suffix entry, ou=people,SUFFIX and n inetOrgPersons uid=user000001 ... below it, each with some 14
 * attributes (about 600 bytes on the wire) and mail user000001@example.com. The same n and seed give the same bytes.
 * suffix NULL: the default one. No entryUUID or entryCSN: slapd and slapadd stamp them. 0, or -1 when the stream
 * failed or the suffix's RDN isn't dc=, o=, ou=.
 */
int slapdtest_people_ldif(FILE *stream, const char *suffix, size_t n, uint64_t seed);

/*
 * DN of person number i (from 1) under a suffix; NULL: the default one. For the caller to free; NULL when out of
 * memory.
 */
char *slapdtest_person_dn(const char *suffix, size_t i);

/*
 * People 1 to n into the server, which must not be there yet: by LDAP when it runs, with the suffix entry and
 * ou=people unless they are there; else slapdtest_people_ldif() by slapdtest_load_file() into an empty database. n 0
 * makes the two upper entries. 0 or -1.
 */
int slapdtest_add_people(struct slapdtest *s, size_t n, uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
