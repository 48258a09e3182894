/* `axsync status`: one object, from the daemon or from what is stored, printed for programs or for people. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "cmd_stored.h"
#include "control.h"
#include "status_json.h"

#define ANSWER_MS 5000
#define SHOWN 10 /* entries of each kind of trouble, without --all */

static const char *text_of(json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : otherwise;
}

static long long number_of(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* text may be what a peer sent. */
static void line(const char *label, const char *text)
{
    printf("  %-12s ", label);
    print_text(stdout, slice_of(text));
    putchar('\n');
}

/* ---- for people --------------------------------------------------------------------------------------------- */

static const char *phase_words(const char *phase)
{
    static const char *const words[][2] = {
        {"connecting", "connecting to the directory"},
        {"refreshing", "refreshing: reading the directory"},
        {"insync", "in sync"},
        {"waiting", "waiting to try the directory again"},
        {"error", "not working"},
        {"stopped", "stopped"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(phase, words[i][0]) == 0)
            return words[i][1];
    return phase;
}

/* Waiting without an error is what a polling mode does most of the time. */
static const char *words_of(json_t *c)
{
    const char *phase = text_of(c, "phase", "");

    if (strcmp(phase, "waiting") == 0 && *text_of(c, "lastError", "") == '\0')
        return "in sync, waiting for the next poll";
    return phase_words(phase);
}

/* RFC 3339, UTC, as status_json() writes it; 0 if it is none. */
static int64_t parse_time(const char *text)
{
    struct tm tm = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

    return rest ? (int64_t)timegm(&tm) * 1000 : 0;
}

static void print_change(json_t *c)
{
    int64_t when = parse_time(text_of(c, "lastChange", NULL));
    char at[PRINT_TIME], ago[PRINT_SPAN], text[128];

    if (when == 0)
        return;
    print_span(clock_wall_ms() - when, ago);
    snprintf(text, sizeof(text), "%s (%s ago)", print_time(when, at), ago);
    line("last change", text);
}

static void print_search(json_t *s)
{
    json_t *expected = json_object_get(s, "expected");
    char text[256], of[48] = "";

    line(text_of(s, "kind", "search"), text_of(s, "base", ""));
    if (strcmp(text_of(s, "phase", ""), "refreshing") != 0)
        return;
    if (json_is_integer(expected))
        snprintf(of, sizeof(of), " of about %lld", (long long)json_integer_value(expected));
    snprintf(text, sizeof(text), "%lld%s entries, %.0f/s", number_of(s, "received"), of,
             json_number_value(json_object_get(s, "rate")));
    line("", text);
}

static void print_entries(json_t *entries)
{
    static const struct {
        const char *key, *words;
    } rest[] = {{"invalid", "invalid"}, {"conflicts", "in conflict"}, {"waiting", "waiting"}, {"orphans", "orphaned"}};
    char text[256];
    size_t n;

    n = (size_t)snprintf(text, sizeof(text), "%lld accounts, %lld groups", number_of(entries, "accounts"),
                         number_of(entries, "groups"));
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
        if (number_of(entries, rest[i].key))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "; %lld %s", number_of(entries, rest[i].key),
                                  rest[i].words);
    line("entries", text);
}

static void print_sink(json_t *s)
{
    long long queued = number_of(s, "queued"), parked = number_of(s, "parked"), due = number_of(s, "due");
    char text[512], more[96] = "";

    if (parked || due)
        snprintf(more, sizeof(more), ", %lld parked, %lld due (see axsync queue)", parked, due);
    if (queued)
        snprintf(text, sizeof(text), "%s (%s): %lld queued after seq %lld%s", text_of(s, "name", ""),
                 text_of(s, "type", ""), queued, number_of(s, "acked"), more);
    else
        snprintf(text, sizeof(text), "%s (%s): all delivered, seq %lld%s", text_of(s, "name", ""),
                 text_of(s, "type", ""), number_of(s, "acked"), more);
    line("sink", text);
    if (*text_of(s, "lastError", ""))
        line("", text_of(s, "lastError", ""));
}

static void print_hold(json_t *h)
{
    const char *id = text_of(h, "id", ""), *field = text_of(h, "field", NULL);
    char text[256], at[PRINT_TIME];

    snprintf(text, sizeof(text), "%s: %lld × %s%s%s since %s (see axsync holds %.*s)", id, number_of(h, "count"),
             text_of(h, "kind", ""), field ? " of " : "", field ? field : "",
             print_time(parse_time(text_of(h, "since", NULL)), at), (int)strcspn(id, "."), id);
    line("HOLD", text);
}

static void print_connector(json_t *c, const struct config *conf, size_t most)
{
    json_t *lag = json_object_get(c, "lag"), *each;
    const char *mode = text_of(c, "mode", NULL), *uri = text_of(c, "uri", NULL);
    char text[64];
    size_t i;

    putchar('\n');
    print_text(stdout, slice_of(text_of(c, "name", "")));
    printf(": %s", words_of(c));
    if (mode)
        printf(", mode %s%s", mode, strcmp(text_of(c, "configuredMode", ""), "auto") == 0 ? " (auto)" : "");
    putchar('\n');
    if (uri)
        line("directory", uri);
    if (json_number_value(lag) > 0) {
        snprintf(text, sizeof(text), "behind for %.1f s", json_number_value(lag));
        line("lag", text);
    }
    print_change(c);
    json_array_foreach(json_object_get(c, "searches"), i, each) print_search(each);
    print_entries(json_object_get(c, "entries"));
    cmd_trouble(conf, text_of(c, "name", ""), most);
    json_array_foreach(json_object_get(c, "sinks"), i, each) print_sink(each);
    json_array_foreach(json_object_get(c, "holds"), i, each) print_hold(each);
    if (*text_of(c, "lastError", ""))
        line("last error", text_of(c, "lastError", ""));
}

static void print_people(json_t *status, const struct config *conf, size_t most)
{
    json_t *pid = json_object_get(status, "pid"), *each;
    char up[PRINT_SPAN];
    size_t i;

    if (!json_is_integer(pid) && access(conf->state_dir, F_OK) != 0) {
        printf("There is no state in %s yet.\n", conf->state_dir);
        return;
    }
    if (json_is_integer(pid))
        printf("axsync %s, pid %lld, up %s\n", text_of(status, "version", ""), (long long)json_integer_value(pid),
               print_span(number_of(status, "uptime") * 1000, up));
    else
        printf("What the last run left in %s:\n", conf->state_dir);
    json_array_foreach(json_object_get(status, "connectors"), i, each) print_connector(each, conf, most);
}

static void print_program(json_t *status)
{
    char *text = json_dumps(status, JSON_COMPACT | STATUS_JSON_REALS);

    puts(text);
    free(text);
}

/* ---- where it comes from ------------------------------------------------------------------------------------ */

static json_t *ask(const struct config *conf, struct err *e)
{
    json_t *request = json_pack("{s:s}", "command", "status"), *status = NULL, *answer;

    answer = control_request(conf->state_dir, request, ANSWER_MS, e);
    if (answer && control_answer(answer, e) == 0)
        status = json_incref(json_object_get(answer, "status"));
    json_decref(answer);
    json_decref(request);
    return status;
}

/* One look. Returns the exit code. */
static int show(const struct config *conf, const struct cmd_options *o)
{
    struct err e = {0}, stored_error = {0};
    json_t *status = ask(conf, &e);
    bool reached = status != NULL;
    int rc = EX_OK;

    if (!reached) {
        rc = cmd_fail(&e);
        status = stored_status(conf, o->version, &stored_error);
        if (status == NULL)
            return cmd_fail(&stored_error) == EX_SOFTWARE ? EX_SOFTWARE : rc;
    }
    if (o->json)
        print_program(status);
    else
        print_people(status, conf, o->all ? SIZE_MAX : SHOWN);
    json_decref(status);
    return rc;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

static int watch(const struct config *conf, const struct cmd_options *o)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    bool terminal = isatty(STDOUT_FILENO) == 1 && !o->json;
    const struct timespec second = {1, 0};
    int rc = EX_OK;

    setvbuf(stdout, NULL, _IOFBF, 65536); /* drawn at once, without flicker */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (!interrupted && !ferror(stdout)) {
        if (terminal)
            fputs("\033[H\033[2J", stdout);
        rc = show(conf, o);
        if (!terminal && !o->json)
            putchar('\n');
        fflush(stdout);
        nanosleep(&second, NULL);
    }
    return rc;
}

int cmd_status(const struct cmd_options *o)
{
    struct config *conf = cmd_config(o);
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    rc = o->watch ? watch(conf, o) : show(conf, o);
    config_free(&conf);
    return rc;
}
