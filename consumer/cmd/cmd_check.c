/* `axsync check`: tries all that a run needs, changes nothing, and says what is not as it must be. */
#include "cmd_check.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "mem.h"

void check_say(struct check *c, enum check_result result, const char *fmt, ...)
{
    static const char *const words[] = {[CHECK_OK] = "ok", [CHECK_WARNING] = "warning", [CHECK_FAILED] = "failed"};
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    printf("%s: %s%s", words[result], c->subject ? c->subject : "", c->subject ? ": " : "");
    print_text(stdout, slice_of(text));
    putchar('\n');
    fflush(stdout); /* the next thing tried may take its time */
    c->failed += result == CHECK_FAILED;
}

/* NULL: a file can be made there; else why not. */
static const char *cannot_make(const char *path)
{
    char *copy = mem_strdup(path);
    int rc = access(dirname(copy), W_OK | X_OK), code = errno;

    free(copy);
    return rc == 0 ? NULL : strerror(code);
}

static void check_state(struct check *c, const struct config *conf)
{
    const char *why;
    struct stat st;

    if (stat(conf->state_dir, &st) != 0) {
        why = errno == ENOENT ? cannot_make(conf->state_dir) : strerror(errno);
        if (why)
            check_say(c, CHECK_FAILED, "stateDir %s can't be made: %s", conf->state_dir, why);
        else
            check_say(c, CHECK_OK, "stateDir %s is not there yet; the first run makes it", conf->state_dir);
        return;
    }
    if (!S_ISDIR(st.st_mode) || access(conf->state_dir, R_OK | W_OK | X_OK) != 0)
        check_say(c, CHECK_FAILED, "stateDir %s can't be used: %s", conf->state_dir,
                  S_ISDIR(st.st_mode) ? strerror(errno) : "it is no folder");
    else
        check_say(c, CHECK_OK, "stateDir %s can be written", conf->state_dir);
    if (geteuid() == 0 && st.st_uid != 0)
        check_say(c, CHECK_WARNING,
                  "you are root, but the state belongs to uid %u: what that user may read and write is "
                  "shown only if that user runs this",
                  st.st_uid);
}

static void check_file_sink(struct check *c, const struct config_sink *sink)
{
    const char *path = sink->path, *why;
    struct stat st;

    if (strcmp(path, "-") == 0) {
        check_say(c, CHECK_OK, "sink \"%s\" is standard output: each action at least once", sink->name);
        return;
    }
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode) || access(path, R_OK | W_OK) != 0)
            check_say(c, CHECK_FAILED, "sink \"%s\": %s can't be written: %s", sink->name, path,
                      S_ISDIR(st.st_mode) ? "it is a folder" : strerror(errno));
        else
            check_say(c, CHECK_OK, "sink \"%s\": %s can be written", sink->name, path);
        return;
    }
    why = errno == ENOENT ? cannot_make(path) : strerror(errno);
    if (why)
        check_say(c, CHECK_FAILED, "sink \"%s\": %s can't be made: %s", sink->name, path, why);
    else
        check_say(c, CHECK_OK, "sink \"%s\": %s is not there yet; the first run makes it", sink->name, path);
}

static void check_connector(struct check *c, const struct config_connector *conf)
{
    c->subject = conf->name;
    check_directory(c, conf);
    for (size_t i = 0; i < conf->n_sinks; i++)
        if (conf->sinks[i].type == SINK_TYPE_FILE)
            check_file_sink(c, &conf->sinks[i]);
        else
            check_axigen(c, &conf->sinks[i], conf->domain);
}

int cmd_check(const struct cmd_options *o)
{
    struct config *conf = cmd_config(o);
    struct check c = {0};

    if (conf == NULL)
        return EX_CONFIG;
    signal(SIGPIPE, SIG_IGN); /* a server that closes is an answer */
    check_say(&c, CHECK_OK, "configuration %s", o->config);
    for (size_t i = 0; i < conf->n_notes; i++)
        check_say(&c, CHECK_OK, "%s", conf->notes[i]);
    check_state(&c, conf);
    for (size_t i = 0; i < conf->n_connectors; i++)
        check_connector(&c, &conf->connectors[i]);
    config_free(&conf);
    return c.failed ? EX_UNAVAILABLE : EX_OK;
}
