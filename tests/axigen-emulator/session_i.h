/* Inside of a session: what the handlers of commands work with. */
#ifndef EMULATOR_SESSION_I_H
#define EMULATOR_SESSION_I_H

#include "context.h"
#include "overlay.h"
#include "session.h"
#include "settings.h"
#include "words.h"

#define DEPTH_MAX 6

struct frame {
    enum context context;
    json_t *work;            /* the copy that is being changed; owned */
    char *key;               /* domain, account, group: its key when the context was entered; owned */
    bool fresh;              /* account, group: came by ADD and is nowhere yet */
    bool changed;            /* domain: own members were changed */
    struct overlay *overlay; /* domain: accounts and groups changed in it; owned */
};

struct session {
    struct emu *emu;
    unsigned number;
    struct frame frames[DEPTH_MAX];
    size_t depth; /* frames[depth - 1] is where we are */
    bool quiet, colours, closing;
    bool was_text;
    long commands; /* since login */
    long errors, bad_logins;
    char *user;
    /* The answer being made. */
    struct buf *out;
    struct buf status;
    bool ok, wrong;   /* wrong: not just refused, but unknown or malformed */
    bool prompt_only; /* no status line */
    /* ESET under way. */
    const struct setting *eset;
    struct buf text;
};

/* words[first] is the first argument after the command's own words. */
typedef void command_fn(struct session *s, const struct words *w, size_t first);

/* What the reference's errors are here; each has its words in the options. */
enum trouble { EXISTS, MISSING, UNKNOWN, SYNTAX, VALUE, LICENCE, LOGIN };

static inline struct frame *here(struct session *s)
{
    return &s->frames[s->depth - 1];
}
/* The domain's frame, whichever context under it we stand in. */
struct frame *domain_frame(struct session *s);

struct frame *enter(struct session *s, enum context context, json_t *work);
/* Back to the parent; what was changed in the frame is dropped. */
void leave(struct session *s);

void ok(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* subject NULL: only the words. */
void err(struct session *s, enum trouble trouble, const char *subject);
/* A line of data. */
void say(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* True if there are exactly n arguments; else the answer is a syntax error. */
bool expect(struct session *s, const struct words *w, size_t first, size_t n);
/* The single argument after an optional `name`; NULL: the answer is made. */
const char *expect_name(struct session *s, const struct words *w, size_t first);
/* Title, rows and blank lines of LIST, wide (with heading and dashes) or narrow. */
void list_open(struct session *s, const char *title, const char *heading);
void list_close(struct session *s, size_t rows);

/* True if no account, alias, group, list or folder recipient other than the one being changed (id 0: none) has it. */
bool name_is_free(struct session *s, const char *name, const json_t *work);
/* A local part: no blanks, no @, 1 to 128 bytes. */
bool name_is_valid(const char *name);
bool object_has_name(const json_t *object, const char *name);

/* session_answer.c: text with \\n between its lines, each then with CRLF; the status line; the prompt. */
void put_lines(struct buf *out, const char *text);
void put_status(struct session *s);
void put_prompt(struct session *s);

/* session_log.c. w: the line's words, none if it could not be cut into words. where: the context it was run in. */
void write_log(struct session *s, const struct words *w, struct slice line, const char *where);

/* session_faults.c */
/* The rule that fires for this line, or NULL. */
const struct rule *rule_for(struct session *s, const char *where, struct slice line);
/* What is to be done instead of the command; true if it must not be executed. */
bool act_before(struct session *s, const struct rule *rule, enum verdict *verdict_r);
/* What goes out ahead of the answer. */
void before_answer(struct buf *out, const struct rule *rule);
/* What happens to the answer, which begins at `from` of s->out. */
enum verdict act_after(struct session *s, const struct rule *rule, size_t from);

/* A line that is a password. */
void cmd_password(struct session *s, struct slice line);

/* cmd_settings.c */
/* Takes "name value …" from words[first] on into the frame's copy: all, or none and the answer is made. */
int settings_apply(struct session *s, const struct words *w, size_t first);
/* SHOW of an object: all of its context's settings, or one (attribute not NULL). */
void show_settings(struct session *s, enum context context, json_t *object, const char *attribute, const char *title);

#define COMMAND(context, words, handler) command_fn handler;
#include "commands.def"
#undef COMMAND

#endif
