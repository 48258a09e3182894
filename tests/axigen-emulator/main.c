/* axigen-emulator: the admin CLI of an Axigen server, for tests. docs/axigen-emulator.md describes it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "buf.h"
#include "control.h"
#include "server.h"
#include "tls.h"

#define EXIT_USAGE 64
#define EXIT_DATA 65

struct arguments {
    struct server_setup setup;
    const char *state, *log, *certificate, *key, *self_signed, *load;
    bool die_with_parent;
};

static int usage(FILE *out, int code)
{
    struct buf help = {0};

    fputs("usage: axigen-emulator [switches]\n"
          "  --port N               port of the CLI (7000; 0: any free one)\n"
          "  --port-file FILE       gets the port when it is ready\n"
          "  --address A            IPv4 address to listen on (127.0.0.1)\n"
          "  --control-port N       listen for control lines there too\n"
          "  --control-port-file FILE\n"
          "  --control-stdin        control lines from standard input; says \"ready PORT\" first\n"
          "  --state FILE           keep the state there (and in FILE.journal), across kill -9\n"
          "  --load FILE            merge this tree (the form of a dump) into the state\n"
          "  --domain NAME          there is such a domain; can be repeated\n"
          "  --dump FILE            at SIGUSR1 write the dump there\n"
          "  --log FILE             append every command to it\n"
          "  --tls-cert FILE --tls-key FILE, or --tls-self-signed FILE (gets the certificate)\n"
          "  --die-with-parent      end when the process that started this one ends\n",
          out);
    control_help(&help);
    fputs(buf_str(&help), out);
    buf_free(&help);
    return code;
}

static int take_number(const char *text, long *number)
{
    char *end;

    *number = strtol(text, &end, 10);
    return end != text && *end == '\0' && *number >= 0 && *number <= 65535 ? 0 : -1;
}

/* Where the text of this switch goes; NULL if it isn't one with a text. */
static const char **text_of(struct arguments *a, const char *name)
{
    const struct {
        const char *name, **text;
    } texts[] = {
        {"port-file", &a->setup.port_file},
        {"control-port-file", &a->setup.control_port_file},
        {"address", &a->setup.address},
        {"dump", &a->setup.dump_path},
        {"state", &a->state},
        {"log", &a->log},
        {"tls-cert", &a->certificate},
        {"tls-key", &a->key},
        {"tls-self-signed", &a->self_signed},
        {"load", &a->load},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return NULL;
}

static bool *flag_of(struct arguments *a, const char *name)
{
    return strcmp(name, "control-stdin") == 0     ? &a->setup.control_stdin
           : strcmp(name, "die-with-parent") == 0 ? &a->die_with_parent
                                                  : NULL;
}

/* Of the program's own switches; 1: it is none of them. */
static int own_switch(struct arguments *a, const char *name, const char *value)
{
    const char **text = text_of(a, name);

    if (text) {
        *text = value;
        return 0;
    }
    if (strcmp(name, "port") == 0)
        return take_number(value, &a->setup.port);
    if (strcmp(name, "control-port") == 0)
        return take_number(value, &a->setup.control_port);
    return 1;
}

/* Walks over the switches. own: those of the program; else those that change what the emulator does, which need the
 * state to be there. */
static int walk(struct emu *emu, struct arguments *a, int argc, char **argv, bool own)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + 2;
        char why[256] = "a bad value";
        int rc;

        if (strncmp(argv[i], "--", 2) != 0)
            return usage(stderr, EXIT_USAGE);
        if (flag_of(a, name)) {
            *flag_of(a, name) = true;
            continue;
        }
        if (++i == argc)
            return usage(stderr, EXIT_USAGE);
        rc = own_switch(a, name, argv[i]);
        if (rc > 0 && !own)
            rc = control_switch(emu, name, argv[i], why, sizeof(why));
        if (rc != 0 && !(own && rc > 0)) {
            fprintf(stderr, "axigen-emulator: --%s: %s\n", name, rc > 0 ? "no such switch" : why);
            return EXIT_USAGE;
        }
    }
    return 0;
}

static int load(struct emu *emu, const char *path)
{
    json_error_t error = {.text = "no {\"domains\": {NAME: …}}"};
    json_t *tree = json_load_file(path, 0, &error);
    int rc = tree && state_merge(&emu->state, tree) == 0 ? 0 : EXIT_DATA;

    json_decref(tree);
    if (rc != 0)
        fprintf(stderr, "axigen-emulator: %s: %s\n", path, error.text);
    return rc;
}

static int prepare(struct emu *emu, struct arguments *a)
{
    char why[512];

    if (state_open(&emu->state, a->state, why, sizeof(why)) != 0) {
        fprintf(stderr, "axigen-emulator: %s\n", why);
        return EXIT_DATA;
    }
    if (tally_init(&emu->tally, a->log) != 0) {
        perror(a->log);
        return EXIT_DATA;
    }
    if (a->certificate || a->self_signed) {
        a->setup.tls = a->self_signed
                           ? tls_self_signed(a->self_signed, why, sizeof(why))
                           : tls_from_files(a->certificate, a->key ? a->key : a->certificate, why, sizeof(why));
        if (!a->setup.tls) {
            fprintf(stderr, "axigen-emulator: TLS: %s\n", why);
            return EXIT_DATA;
        }
    }
    return a->load ? load(emu, a->load) : 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {.setup = {.port = 7000, .control_port = -1}};
    struct emu emu = {0};
    int rc;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    options_init(&emu.options);
    rc = walk(&emu, &a, argc, argv, true);
    if (rc == 0 && a.die_with_parent) {
        pid_t parent = getppid();

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (parent == 1 || getppid() != parent) /* it died before prctl(2) */
            return 0;
    }
    if (rc == 0)
        rc = prepare(&emu, &a);
    if (rc == 0)
        rc = walk(&emu, &a, argc, argv, false);
    if (rc == 0)
        rc = server_run(&emu, &a.setup);
    SSL_CTX_free(a.setup.tls);
    state_free(&emu.state);
    tally_free(&emu.tally);
    rules_free(&emu.rules);
    options_free(&emu.options);
    return rc;
}
