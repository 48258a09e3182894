/* The command line. */
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd.h"
#include "log.h"
#include "mem.h"

enum allowed {
    OPTION_ONCE = 1 << 0,
    OPTION_DRY_RUN = 1 << 1,
    OPTION_JSON = 1 << 2,
    OPTION_WATCH = 1 << 3,
    OPTION_ALL = 1 << 4,
    OPTION_REPAIR = 1 << 5
};

static const struct option_row {
    const char *name;
    enum allowed option;
} option_rows[] = {
    {"once", OPTION_ONCE},   {"dry-run", OPTION_DRY_RUN}, {"json", OPTION_JSON},
    {"watch", OPTION_WATCH}, {"all", OPTION_ALL},         {"repair", OPTION_REPAIR},
};
#define OPTION_ROWS (sizeof(option_rows) / sizeof(*option_rows))

static const struct command_row {
    const char *name;
    int (*run)(const struct cmd_options *o);
    unsigned options;                        /* enum allowed, or'ed */
    int min, max;                            /* words */
    const char *form;
    const char *summary;
    const char *help;
} commands[] = {
    {"run", cmd_run, OPTION_ONCE | OPTION_DRY_RUN, 0, 0, "[--once] [--dry-run]", "the daemon, in the foreground",
     "  --once      get in sync, deliver everything, exit: 0; 69 if directory or sink can't\n"
     "              be reached; 75 if something is undelivered, parked or held\n"
     "  --dry-run   one refresh against a copy of the state: actions on standard output, what\n"
     "              would be held or wait on standard error; changes nothing\n"},
    {"check", cmd_check, 0, 0, 0, "", "try the configuration, the directory and the sinks",
     "Prints a line for each thing tried: ok, warning or failed. Exit code 0 if nothing failed, 69 if\n"
     "the directory or a sink is not as it must be, 78 if the configuration is wrong.\n"},
    {"status", cmd_status, OPTION_JSON | OPTION_WATCH | OPTION_ALL, 0, 0, "[--json] [--watch] [--all]",
     "what the daemon is doing, which entries are invalid or in conflict",
     "  --json      one line of JSON\n"
     "  --all       all invalid entries and conflicts, not only the first ten\n"
     "  --watch     again every second, until ^C\n"
     "Without a daemon it shows what is stored, and exits with 69.\n"},
    {"queue", cmd_queue, OPTION_ALL, 0, -1, "[list] | retry|drop|adopt CONNECTOR/SINK/SEQ … | --all",
     "what is queued for the sinks", ""},
    {"holds", cmd_holds, 0, 0, 2, "[ID]", "what is held back and why; with ID: who is in it",
     "A hold ends by `axsync approve ID`, by `axsync reject ID`, or by itself when its entries come back.\n"},
    {"approve", cmd_approve, 0, 1, 1, "ID", "let a hold go out",
     "ID is 7 (all that is in hold 7) or 7.120 (the first 120 that joined it: what you have seen).\n"
     "Each deletion is looked up in the directory once more first.\n"},
    {"reject", cmd_reject, 0, 1, 1, "ID", "never let a hold go out: accounts and values stay",
     "ID is 7 (all that is in hold 7) or 7.120 (the first 120 that joined it: what you have seen).\n"
     "A rejected hold stays listed and can still be approved.\n"},
    {"entry", cmd_entry, 0, 1, 1, "DN|UUID|ADDRESS", "all that is stored of one entry",
     "Exit code 67 if nothing is known of it.\n"},
    {"dump", cmd_dump, 0, 0, 0, "", "the mirrored state as JSON lines", ""},
    {"verify", cmd_verify, OPTION_REPAIR, 0, 0, "[--repair]", "compare the state with the directory, and the targets with it",
     "Prints a line for each difference. What waits, is held, queued or parked is none. Exit code 0 if there is\n"
     "no difference, 1 if there are some, 69 if the directory or a target can't be reached. Before the first run\n"
     "it shows what that would do.\n"
     "  --repair    entries that differ are read again, targets are told anew what they lack. Deletes\n"
     "              nothing itself; without it nothing is changed\n"},
    {"resync", cmd_resync, 0, 0, 0, "", "forget the cookies, keep the state: read the directory anew",
     "The next refresh is a full one, in which older content counts too: after a restored backup.\n"},
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
    fputs("usage: axsync COMMAND [-c FILE] …\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(out,
            "\n  axsync COMMAND --help   more on one of them\n"
            "  axsync --version\n\n"
            "FILE is %s if not given. See axsync(8) and axsync.conf(5).\n",
            CMD_CONFIG);
}

static void usage_of(const struct command_row *c, FILE *out)
{
    fprintf(out, "usage: axsync %s [-c FILE]%s%s\n\n%s%s%s", c->name, *c->form ? " " : "", c->form, c->summary,
            *c->help ? "\n\n" : "\n", c->help);
}

static const struct command_row *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* `before` … `word` … "did you mean" … what is near among the n of list. */
static int unknown(const char *what, const char *word, const char *prefix, const char *const *list, size_t n,
                   const char *help)
{
    const char *near = cmd_nearest(word, list, n);

    fprintf(stderr, "axsync: unknown %s '%s%s'", what, prefix, word);
    if (near)
        fprintf(stderr, ", did you mean '%s%s'?\n", prefix, near);
    else
        fprintf(stderr, " (see '%s')\n", help);
    return EX_USAGE;
}

static int unknown_command(const char *word)
{
    const char *names[COMMANDS];

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    return unknown("command", word, "", names, COMMANDS, "axsync --help");
}

static int unknown_option(const struct command_row *c, const char *word)
{
    const char *names[OPTION_ROWS + 2] = {"config", "help"};
    size_t n = 2;
    char help[64];

    for (size_t i = 0; c && i < OPTION_ROWS; i++)
        if (c->options & (unsigned)option_rows[i].option)
            names[n++] = option_rows[i].name;
    snprintf(help, sizeof(help), "axsync %s%s--help", c ? c->name : "", c ? " " : "");
    if (strncmp(word, "--", 2) == 0)
        return unknown("option", word + 2, "--", names, n, help);
    return unknown("option", word, "", names, 0, help);
}

/* What getopt_long() did not like. */
static int bad_option(const struct command_row *c, int answer, char *const *argv)
{
    const char *word = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, '\0'};

    if (answer == ':') {
        fprintf(stderr, "axsync: %s needs a file name\n", word);
        return EX_USAGE;
    }
    if (strncmp(word, "--", 2) == 0 && strchr(word, '=')) {
        fprintf(stderr, "axsync: %.*s takes no value\n", (int)strcspn(word, "="), word);
        return EX_USAGE;
    }
    return unknown_option(c, optopt && strncmp(word, "--", 2) != 0 ? letter : word);
}

static void set_option(struct cmd_options *o, int option)
{
    o->once = o->once || option == OPTION_ONCE;
    o->dry_run = o->dry_run || option == OPTION_DRY_RUN;
    o->json = o->json || option == OPTION_JSON;
    o->watch = o->watch || option == OPTION_WATCH;
    o->all = o->all || option == OPTION_ALL;
    o->repair = o->repair || option == OPTION_REPAIR;
}

/* Options of one subcommand (c), or those before it (c NULL). -1: go on, else the exit code. */
static int read_options(const struct command_row *c, int argc, char **argv, struct cmd_options *o)
{
    struct option longs[OPTION_ROWS + 4] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'}};
    size_t n = 3;
    int answer;

    for (size_t i = 0; c && i < OPTION_ROWS; i++)
        if (c->options & (unsigned)option_rows[i].option)
            longs[n++] = (struct option){option_rows[i].name, no_argument, NULL, (int)option_rows[i].option + 256};
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while ((answer = getopt_long(argc, argv, c ? ":c:hV" : "+:c:hV", longs, NULL)) != -1) {
        switch (answer) {
        case 'c':
            o->config = optarg;
            break;
        case 'h':
            c ? usage_of(c, stdout) : usage(stdout);
            return EX_OK;
        case 'V':
            printf("axsync %s\n", o->version);
            return EX_OK;
        case ':':
        case '?':
            return bad_option(c, answer, argv);
        default:
            set_option(o, answer - 256);
        }
    }
    return -1;
}

/* ---- before there is a loop that takes signals ---- */

static volatile sig_atomic_t early_code = EX_OK;

static void end_early(int sig)
{
    (void)sig;
    _exit(early_code);
}

/* Nothing was begun, so the end is the one that SPEC.md promises: 0. From the first line on, since a configuration on a file system
 * that does not answer takes as long as it takes. The loop blocks these signals and reads them (daemon_signals.c). */
static const struct early {
    int signal;
    void (*handler)(int);
} early[] = {{SIGTERM, end_early}, {SIGINT, end_early}, {SIGHUP, SIG_IGN /* what it asks for is about to happen anyway */}};
#define EARLY (sizeof(early) / sizeof(*early))
static void (*before[EARLY])(int);

static void take_early_signals(void)
{
    for (size_t i = 0; i < EARLY; i++)
        before[i] = signal(early[i].signal, early[i].handler);
}

/* Of a command that is no daemon: as it was called, with nohup(1) for example. */
static void leave_signals(void)
{
    for (size_t i = 0; i < EARLY; i++)
        signal(early[i].signal, before[i]);
}

static int run_command(const struct command_row *c, int argc, char **argv, struct cmd_options *o)
{
    int rc = read_options(c, argc, argv, o);

    if (rc >= 0)
        return rc;
    o->argc = argc - optind;
    o->argv = argv + optind;
    if (o->argc < c->min) {
        fprintf(stderr, "axsync: %s needs %s (see 'axsync %s --help')\n", c->name, c->form, c->name);
        return EX_USAGE;
    }
    if (c->max >= 0 && o->argc > c->max) {
        fprintf(stderr, "axsync: %s: '%s' is too much (see 'axsync %s --help')\n", c->name, o->argv[c->max], c->name);
        return EX_USAGE;
    }
    if (c->run != cmd_run)
        leave_signals();
    else if (o->once)
        early_code = EX_TEMPFAIL;
    return c->run(o);
}

static int run_line(int argc, char **argv)
{
    struct cmd_options o = {.config = CMD_CONFIG, .version = AXSYNC_VERSION};
    const struct command_row *c;
    int rc = read_options(NULL, argc, argv, &o);

    if (rc >= 0)
        return rc;
    argc -= optind;
    argv += optind;
    if (argc == 0) {
        usage(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[0], "help") == 0) {
        c = argc > 1 ? find_command(argv[1]) : NULL;
        if (argc > 1 && c == NULL)
            return unknown_command(argv[1]);
        c ? usage_of(c, stdout) : usage(stdout);
        return EX_OK;
    }
    c = find_command(argv[0]);
    return c ? run_command(c, argc, argv, &o) : unknown_command(argv[0]);
}

/* Passwords are in memory: no core file, and nobody traces. The limit alone does not stop a core that goes to a program
 * (core(5)); what does also stops ptrace(2), which LeakSanitizer needs. */
static void keep_secrets(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
    int rc;

    take_early_signals();
    keep_secrets();
    json_set_alloc_funcs(mem_alloc, free);
    log_set_level(LOG_LEVEL_WARNING); /* `run` has its own */
    rc = run_line(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("axsync: can't write to standard output");
        rc = rc == EX_OK ? EX_SOFTWARE : rc;
    }
    return rc;
}
