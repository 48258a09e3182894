/* From the fields of an action to the commands of Axigen's CLI, pure: tests compare it with tables.
 *
 * A script is an ordered list of settings (steps). script_next() makes command lines of them, with the CONFIG and DONE
 * between; UPDATE, ADD and COMMIT around them are of who runs it. */
#ifndef AXIGEN_SCRIPT_H
#define AXIGEN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "action.h"
#include "axigen_wire.h"
#include "err.h"
#include "mem.h"

/* The context a step belongs to; a script is ascending by it, but for aliases, which are set last. */
enum script_place { PLACE_HERE, PLACE_CONTACT, PLACE_QUOTAS, PLACE_LIMITS, SCRIPT_PLACES };

enum script_form {
    FORM_TEXT,           /* SET attr "value" */
    FORM_WORD,           /* SET attr value: a number or a keyword; what is neither is sent in quotes, to be refused */
    FORM_LIST,           /* SET attr (a b c) */
    FORM_RESET,          /* RESET attr */
    FORM_INHERIT,        /* INHERIT SETTINGS FROM accountClass "value" */
    FORM_INHERIT_DOMAIN, /* INHERIT SETTINGS FROM domainDefaults */
    FORM_ADD_ALIAS,      /* ADD Alias "value" */
    FORM_REMOVE_ALIAS,
    FORM_ADD_MEMBER, /* ADD Address "value" */
    FORM_REMOVE_MEMBER
};

struct script_step {
    enum script_place place;
    enum script_form form;
    const char *attr; /* lives for ever; NULL where the form has none */
    struct slice value;
    struct slice whole;  /* aliases and members: the address as the action has it */
    const char *refusal; /* the server's words, or NULL */
    bool done;           /* the server took it */
    bool dead;           /* it can't be sent, or was refused for itself: not tried again now */
};

struct script {
    struct script_step *steps; /* in the maker's arena */
    size_t n, room;
};

/* Appends a step. */
struct script_step *script_add(struct script *s, struct arena *a, struct script_step step);

/* The mark: SET customerReference. The first step of a script that has it, so that whatever is cut off, an account that
 * was saved with anything of ours is marked. */
void script_mark(struct script *s, struct arena *a, struct slice mark);

/* Steps for what the action sets and clears but aliases; services: whether limits.services too. How fields are cleared
 * is said in the code. */
void script_fields(struct script *s, struct arena *a, const struct action *action, bool services);

/* limits.services: these (separated by blanks), or what class and domain give. */
void script_services(struct script *s, struct arena *a, bool has, struct slice services);

/* Whether the action sets or clears this field. */
bool script_touches(const struct action *action, field_id field);
/* The value it sets, or an empty slice. */
struct slice script_value(const struct action *action, field_id field);

struct script_line {
    const char *leads_to;    /* as axigen_session_send() wants it */
    size_t first, n;         /* the steps it carries; n 0: CONFIG or DONE */
    enum script_place place; /* n 0: the context that is entered or left; else that of the steps */
    bool enters;             /* it is a CONFIG */
    bool wait;               /* its answer must be known before anything else is sent */
};

struct script_cursor {
    size_t at;
    enum script_place place;
    bool single;              /* one step a command, else contactInfo's are combined */
    bool skip[SCRIPT_PLACES]; /* contexts that could not be entered: their steps are passed over */
};

enum script_result { SCRIPT_END, SCRIPT_LINE, SCRIPT_UNSENDABLE };

/* Writes the next command line that has steps neither done nor dead. SCRIPT_UNSENDABLE: step line->first can't be
 * written, *e says why; it is dead now, go on with the next. */
enum script_result script_next(struct script *s, struct script_cursor *at, struct wire_command *c,
                               struct script_line *line, struct err *e);

/* What a step is called in words for people: "contactInfo.firstName", "alias a@example.com". */
void script_name(const struct script_step *step, struct buf *out);

#endif
