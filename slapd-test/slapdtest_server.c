/* Start, stop, kill, pause: the life of one slapd. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slapdtest_internal.h"

#define ATTEMPTS      10
#define LOOK_AGAIN_MS 5

enum readiness { READY, DIED, LOST_PORT, TOO_LATE };

/* slapd is gone: whatever led to it is void. */
static void forget_process(struct slapdtest *s)
{
    slapdtest_i_disconnect(s);
    s->pid = 0;
    s->paused = false;
}

static int take_ports(struct slapdtest *s)
{
    if (slapdtest_i_port_take(s, &s->port) != 0 || (s->tls && slapdtest_i_port_take(s, &s->port_ldaps) != 0))
        return -1;
    if (s->started)
        return 0; /* the same ports, and the texts have been handed out: the header says until slapdtest_free() */
    free(s->uri);
    free(s->uri_ldaps);
    s->uri_ldaps = NULL;
    s->uri = slapdtest_i_text("ldap://127.0.0.1:%u", s->port.number);
    if (s->tls)
        s->uri_ldaps = slapdtest_i_text("ldaps://127.0.0.1:%u", s->port_ldaps.number);
    if (s->uri == NULL || (s->tls && s->uri_ldaps == NULL))
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    return 0;
}

static void release_ports(struct slapdtest *s)
{
    slapdtest_i_port_release(&s->port);
    slapdtest_i_port_release(&s->port_ldaps);
}

static int spawn_server(struct slapdtest *s)
{
    char folder[128], listeners[512];
    const char *argv[] = {"slapd", "-d", s->loglevel, "-F", folder, "-h", listeners, NULL};

    snprintf(folder, sizeof(folder), "%s/slapd.d", s->folder);
    snprintf(listeners, sizeof(listeners), "%s %s %s", s->uri_ldapi, s->uri, s->uri_ldaps != NULL ? s->uri_ldaps : "");
    return slapdtest_i_spawn(s, argv, &s->pid);
}

/*
 * Whether slapd answers. It's asked over the ldapi socket, which lies in our own folder, so it can't be another server
 * that answers; all listeners are bound before any is served.
 */
static bool answers(struct slapdtest *s)
{
    struct timeval second = {.tv_sec = 1};
    struct slapdtest_i_hush hush;
    LDAPMessage *result = NULL;
    LDAP *ld = slapdtest_i_config(s);
    int rc;

    if (ld == NULL)
        return false;
    slapdtest_i_hush(&hush);
    rc = ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, NULL, NULL, 0, NULL, NULL, &second, 0, &result);
    slapdtest_i_unhush(&hush);
    ldap_msgfree(result);
    return rc == LDAP_SUCCESS;
}

static enum readiness explain_death(struct slapdtest *s, int status, long log_from)
{
    char said[600], status_text[64];

    slapdtest_i_log_line(s, log_from, said, sizeof(said));
    slapdtest_i_fail(s, LDAP_OTHER, "slapd ended with %s while it started: %s",
                     slapdtest_i_status_text(status, status_text, sizeof(status_text)), said);
    return strstr(said, "Address already in use") != NULL ? LOST_PORT : DIED;
}

static enum readiness await_ready(struct slapdtest *s, long log_from)
{
    long long deadline = slapdtest_i_now_ms() + s->timeout_ms;
    int status;

    for (;;) {
        if (slapdtest_i_wait(s->pid, 0, &status) == 1) {
            forget_process(s);
            return explain_death(s, status, log_from);
        }
        if (answers(s))
            return READY;
        if (slapdtest_i_now_ms() >= deadline)
            break;
        slapdtest_i_nap(LOOK_AGAIN_MS);
    }
    slapdtest_kill(s);
    slapdtest_i_fail(s, LDAP_TIMEOUT, "slapd didn't answer within %u ms of its start", s->timeout_ms);
    return TOO_LATE;
}

/* One attempt on the ports we have, or on new ones. */
static enum readiness try_start(struct slapdtest *s)
{
    long log_from = slapdtest_i_log_size(s);

    if (take_ports(s) != 0 || spawn_server(s) != 0)
        return DIED;
    return await_ready(s, log_from);
}

int slapdtest_start(struct slapdtest *s)
{
    int attempts = s->started ? 1 : ATTEMPTS; /* once started, clients know the port: only the same will do */
    enum readiness outcome = LOST_PORT;
    char error[sizeof(s->error)];
    int rc = s->rc;

    if (slapdtest_running(s))
        return slapdtest_i_fail(s, LDAP_OTHER, "start: slapd runs already (pid %ld)", (long)s->pid);
    memcpy(error, s->error, sizeof(error));
    for (int i = 0; i < attempts && outcome == LOST_PORT; i++) {
        if (i > 0)
            release_ports(s);
        outcome = try_start(s);
    }
    if (outcome != READY)
        return -1;
    s->started = true;
    memcpy(s->error, error, sizeof(error)); /* connections refused in between were no failures of what was asked for */
    s->rc = rc;
    return 0;
}

bool slapdtest_running(struct slapdtest *s)
{
    int status;

    if (s->pid != 0 && slapdtest_i_wait(s->pid, 0, &status) == 1) {
        char text[64];

        forget_process(s);
        slapdtest_i_fail(s, LDAP_OTHER, "slapd ended by itself with %s",
                         slapdtest_i_status_text(status, text, sizeof(text)));
    }
    return s->pid != 0;
}

static void continue_if_paused(struct slapdtest *s)
{
    if (s->paused)
        kill(s->pid, SIGCONT); /* SIGTERM waits for it */
    s->paused = false;
}

int slapdtest_stop(struct slapdtest *s)
{
    bool ran = s->pid != 0;
    char text[64];
    int status;

    if (!slapdtest_running(s))
        return ran ? -1 : 0;
    slapdtest_i_disconnect(s); /* slapd waits for clients that have asked for something */
    kill(s->pid, SIGTERM);
    continue_if_paused(s);
    if (slapdtest_i_wait(s->pid, slapdtest_i_now_ms() + s->timeout_ms, &status) == 0) {
        slapdtest_kill(s);
        return slapdtest_i_fail(s, LDAP_TIMEOUT, "slapd had to be killed: it didn't end within %u ms of SIGTERM",
                                s->timeout_ms);
    }
    forget_process(s);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return slapdtest_i_fail(s, LDAP_OTHER, "stop: slapd ended with %s",
                            slapdtest_i_status_text(status, text, sizeof(text)));
}

int slapdtest_kill(struct slapdtest *s)
{
    int status;

    if (s->pid == 0)
        return slapdtest_i_fail(s, LDAP_OTHER, "kill: slapd doesn't run");
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR) /* SIGKILL can't be put off: no deadline */
        continue;
    forget_process(s);
    return 0;
}

int slapdtest_restart(struct slapdtest *s)
{
    if (slapdtest_stop(s) != 0 && slapdtest_rc(s) == LDAP_TIMEOUT)
        return -1; /* a server that can't end is worth knowing; one that crashed before is what restarts are for */
    return slapdtest_start(s);
}

/* Send a signal and wait until the kernel reports the change of state it brings. */
static int signal_and_wait(struct slapdtest *s, int number, int report, const char *what)
{
    int status;

    if (!slapdtest_running(s))
        return slapdtest_i_fail(s, LDAP_OTHER, "%s: slapd doesn't run", what);
    kill(s->pid, number);
    while (waitpid(s->pid, &status, report) < 0 && errno == EINTR)
        continue;
    if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) {
        forget_process(s);
        return slapdtest_i_fail(s, LDAP_OTHER, "%s: slapd has ended", what);
    }
    s->paused = number == SIGSTOP;
    return 0;
}

int slapdtest_pause(struct slapdtest *s)
{
    return s->paused ? 0 : signal_and_wait(s, SIGSTOP, WUNTRACED, "pause");
}

int slapdtest_continue(struct slapdtest *s)
{
    return s->pid != 0 && !s->paused ? 0 : signal_and_wait(s, SIGCONT, WCONTINUED, "continue");
}
