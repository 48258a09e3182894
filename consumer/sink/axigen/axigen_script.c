/* Which command a field becomes.
 *
 *   field                 set                                        cleared
 *   account.class         INHERIT SETTINGS FROM accountClass "C"     INHERIT SETTINGS FROM domainDefaults
 *   account.accountType   SET accountType WORD                       SET accountType basic
 *   account.X             SET X "VALUE"                              SET X ""
 *   contactInfo.X         SET X "VALUE"                              SET X ""
 *   quotas.X              SET X NUMBER                               RESET X
 *   limits.services       SET services (A B)                         RESET services
 *   limits.X              SET X WORD                                 RESET X
 *   group.enable          SET enable WORD                            SET enable yes
 *   group.X               SET X WORD                                 what a new group has: see group_default()
 *
 * Order: the mark, then the class (what is set by hand afterwards stays over it), then the rest.
 *
 * Ahead of answers. Between ADD's +OK and the account's COMMIT all of a script may be sent without waiting, because
 * each line does nothing in the contexts it may run in by mistake: a refused line leaves the context, so after a
 * refused CONFIG the settings meant for contactInfo, quotas or limits run in the account, which has none of these
 * attributes (`SET services` is the domain's and not the account's), and its DONE is no command there; after a refused
 * DONE, lines for the account run in its child, which has neither INHERIT nor aliases. That is known for the attributes
 * of field.def only. For one that somebody's configuration names, CONFIG is waited for: "contactInfo.password" must not
 * become the account's. */
#include "axigen_script.h"

#include <string.h>

#define COMBINE_BYTES 1024u /* values of one SET in contactInfo, about: nobody says how long a line may be */

static const char *const configs[SCRIPT_PLACES] = {NULL, "CONFIG ContactInfo", "CONFIG Quotas", "CONFIG Limits"};
static const char *const contexts[SCRIPT_PLACES] = {WIRE_ACCOUNT, WIRE_CONTACT, WIRE_QUOTAS, WIRE_LIMITS};

struct script_step *script_add(struct script *s, struct arena *a, struct script_step step)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        struct script_step *more = arena_alloc(a, room * sizeof(*more));

        if (s->n)
            memcpy(more, s->steps, s->n * sizeof(*more));
        s->steps = more;
        s->room = room;
    }
    s->steps[s->n] = step;
    return &s->steps[s->n++];
}

void script_mark(struct script *s, struct arena *a, struct slice mark)
{
    script_add(s, a, (struct script_step){.form = FORM_TEXT, .attr = "customerReference", .value = mark});
}

void script_services(struct script *s, struct arena *a, bool has, struct slice services)
{
    script_add(s, a,
               (struct script_step){
                   .place = PLACE_LIMITS, .form = has ? FORM_LIST : FORM_RESET, .attr = "services", .value = services});
}

static enum script_place place_of(const char *name)
{
    return strncmp(name, "contactInfo.", 12) == 0 ? PLACE_CONTACT
           : strncmp(name, "quotas.", 7) == 0     ? PLACE_QUOTAS
           : strncmp(name, "limits.", 7) == 0     ? PLACE_LIMITS
                                                  : PLACE_HERE;
}

/* Axigen's reference does not say what a new group has. With these a group does what one expects of one: it takes mail
 * from anybody, passes it to its members, and is in the address book. */
static const char *group_default(const char *attr)
{
    return strcmp(attr, "receiveEmailFrom") == 0    ? "anybody"
           : strcmp(attr, "distributeEmailTo") == 0 ? "members"
                                                    : "yes";
}

static struct script_step set_step(field_id field, struct slice value)
{
    const char *name = field_name(field), *attr = strchr(name, '.') + 1;
    struct script_step step = {.place = place_of(name), .form = FORM_TEXT, .attr = attr, .value = value};

    if (field == FIELD_ACCOUNT_CLASS)
        step.form = FORM_INHERIT;
    else if (field == FIELD_LIMIT_SERVICES)
        step.form = FORM_LIST;
    else if (field == FIELD_ACCOUNT_TYPE || step.place == PLACE_QUOTAS || step.place == PLACE_LIMITS ||
             strncmp(name, "group.", 6) == 0)
        step.form = FORM_WORD;
    return step;
}

static struct script_step clear_step(field_id field)
{
    struct script_step step = set_step(field, slice_of(""));

    if (field == FIELD_ACCOUNT_CLASS)
        step.form = FORM_INHERIT_DOMAIN;
    else if (step.place == PLACE_QUOTAS || step.place == PLACE_LIMITS)
        step.form = FORM_RESET;
    else if (field == FIELD_ACCOUNT_TYPE)
        step.value = slice_of("basic");
    else if (step.form == FORM_WORD)
        step.value = slice_of(group_default(step.attr));
    return step;
}

bool script_touches(const struct action *action, field_id field)
{
    if (field == FIELD_ALIASES && action->n_set_aliases)
        return true;
    for (uint32_t i = 0; i < action->n_set; i++)
        if (action->set[i].field == field)
            return true;
    for (uint32_t i = 0; i < action->n_clear; i++)
        if (action->clear[i] == field)
            return true;
    return false;
}

struct slice script_value(const struct action *action, field_id field)
{
    for (uint32_t i = 0; i < action->n_set; i++)
        if (action->set[i].field == field)
            return action->set[i].value;
    return slice_of("");
}

/* Aliases have a way of their own. customerReference is the mark: the configuration check refuses a mapping to it. */
static bool left_out(field_id field, bool services)
{
    return field == FIELD_ALIASES || field == FIELD_ACCOUNT_CUSTOMER_REFERENCE ||
           (field == FIELD_LIMIT_SERVICES && !services);
}

static void add_place(struct script *s, struct arena *a, const struct action *action, bool services,
                      enum script_place place)
{
    for (uint32_t i = 0; i < action->n_clear; i++)
        if (!left_out(action->clear[i], services) && place_of(field_name(action->clear[i])) == place)
            script_add(s, a, clear_step(action->clear[i]));
    for (uint32_t i = 0; i < action->n_set; i++)
        if (!left_out(action->set[i].field, services) && place_of(field_name(action->set[i].field)) == place)
            script_add(s, a, set_step(action->set[i].field, action->set[i].value));
}

/* The class before what stands over it; within a place the rest in any order. */
static void class_first(struct script *s, size_t from)
{
    for (size_t i = from; i < s->n; i++)
        if (s->steps[i].form == FORM_INHERIT || s->steps[i].form == FORM_INHERIT_DOMAIN) {
            struct script_step class = s->steps[i];

            memmove(&s->steps[from + 1], &s->steps[from], (i - from) * sizeof(class));
            s->steps[from] = class;
            return;
        }
}

void script_fields(struct script *s, struct arena *a, const struct action *action, bool services)
{
    size_t from = s->n;

    for (int place = 0; place < SCRIPT_PLACES; place++)
        add_place(s, a, action, services, (enum script_place)place);
    class_first(s, from);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", s.p[i]) == NULL ||
            s.p[i] == '\0')
            return false;
    return s.len > 0;
}

static void put_list(struct wire_command *c, struct slice value)
{
    struct slice items[64];
    size_t n = 0, i = 0;

    while (i < value.len && n < 64) {
        size_t begin = i;

        while (i < value.len && memchr(" ,()", value.p[i], 4) == NULL)
            i++;
        if (i > begin)
            items[n++] = slice_make(value.p + begin, i - begin);
        else
            i++;
    }
    wire_list(c, items, n);
}

static void put_step(struct wire_command *c, const struct script_step *step)
{
    switch (step->form) {
    case FORM_TEXT:
    case FORM_WORD:
        wire_words(c, step->attr);
        if (step->form == FORM_WORD && is_word(step->value))
            wire_token(c, step->value);
        else
            wire_value(c, step->value);
        break;
    case FORM_LIST:
        wire_words(c, step->attr);
        put_list(c, step->value);
        break;
    case FORM_RESET:
        wire_words(c, step->attr);
        break;
    case FORM_INHERIT_DOMAIN:
        break;
    default:
        wire_value(c, step->value);
    }
}

static const char *verb(enum script_form form)
{
    static const char *const verbs[] = {[FORM_TEXT] = "SET",
                                        [FORM_WORD] = "SET",
                                        [FORM_LIST] = "SET",
                                        [FORM_RESET] = "RESET",
                                        [FORM_INHERIT] = "INHERIT SETTINGS FROM accountClass",
                                        [FORM_INHERIT_DOMAIN] = "INHERIT SETTINGS FROM domainDefaults",
                                        [FORM_ADD_ALIAS] = "ADD Alias",
                                        [FORM_REMOVE_ALIAS] = "REMOVE Alias",
                                        [FORM_ADD_MEMBER] = "ADD Address",
                                        [FORM_REMOVE_MEMBER] = "REMOVE Address"};

    return verbs[form];
}

static bool live(const struct script *s, size_t i, const struct script_cursor *at)
{
    return !s->steps[i].done && !s->steps[i].dead && !at->skip[s->steps[i].place];
}

/* Attributes of field.def stand here by their names too, so that a step needs no field. */
static bool known_attr(const struct script_step *step)
{
    static const char *const known[SCRIPT_PLACES][40] = {
        [PLACE_CONTACT] = {"assistantName", "birthday",   "businessAddress", "businessEmail", "businessFax",
                           "businessPhone", "company",    "department",      "firstName",
                           "homeAddress",   "homePhone",  "lastName",        "managerName",   "middleName",
                           "mobilePhone",   "nickName",   "office",          "personalEmail", "phone",
                           "position",      "profession", "suffix",          "title",         "website"},
        [PLACE_QUOTAS] = {"mboxCount", "totalMessageCount", "totalMessageSize"},
        [PLACE_LIMITS] = {"services"}};

    for (const char *const *k = known[step->place]; *k; k++)
        if (strcmp(*k, step->attr) == 0)
            return true;
    return false;
}

/* Whether CONFIG must be answered before the steps of this context, from i on, are sent. */
static bool must_wait(const struct script *s, size_t i)
{
    for (enum script_place place = s->steps[i].place; i < s->n && s->steps[i].place == place; i++)
        if (!known_attr(&s->steps[i]))
            return true;
    return false;
}

static enum script_result end_line(struct script *s, struct wire_command *c, struct script_line *line, struct err *e)
{
    if (wire_end(c, e) == 0)
        return SCRIPT_LINE;
    if (line->n)
        s->steps[line->first].dead = true;
    return SCRIPT_UNSENDABLE;
}

static enum script_result move_line(struct script *s, struct script_cursor *at, enum script_place to,
                                    struct wire_command *c, struct script_line *line, struct err *e)
{
    bool leave = at->place != PLACE_HERE;

    *line = (struct script_line){.leads_to = leave ? WIRE_ACCOUNT : contexts[to],
                                 .first = at->at,
                                 .place = leave ? at->place : to,
                                 .enters = !leave};
    line->wait = line->enters && must_wait(s, at->at);
    wire_words(c, leave ? "DONE" : configs[to]);
    at->place = leave ? PLACE_HERE : to;
    return end_line(s, c, line, e);
}

/* Whether a value can be sent, so that one that can't does not take others of its line with it. */
static bool sendable(const struct script_step *step)
{
    struct wire_command c = {0};
    struct err e = {0};
    bool ok;

    wire_words(&c, "SET");
    put_step(&c, step);
    ok = wire_end(&c, &e) == 0;
    wire_command_free(&c);
    return ok;
}

enum script_result script_next(struct script *s, struct script_cursor *at, struct wire_command *c,
                               struct script_line *line, struct err *e)
{
    const struct script_step *step;
    size_t bytes = 0;

    wire_command_reset(c);
    while (at->at < s->n && !live(s, at->at, at))
        at->at++;
    if (at->at == s->n && at->place == PLACE_HERE)
        return SCRIPT_END;
    if (at->at == s->n || at->place != s->steps[at->at].place)
        return move_line(s, at, at->at == s->n ? PLACE_HERE : s->steps[at->at].place, c, line, e);
    step = &s->steps[at->at];
    *line = (struct script_line){.first = at->at++, .n = 1, .place = step->place};
    wire_words(c, verb(step->form));
    put_step(c, step);
    if (at->single || step->place != PLACE_CONTACT || !sendable(step))
        return end_line(s, c, line, e);
    for (bytes = step->value.len; at->at < s->n; at->at++, line->n++) {
        step = &s->steps[at->at];
        bytes += step->value.len;
        if (step->place != PLACE_CONTACT || !live(s, at->at, at) || bytes > COMBINE_BYTES || !sendable(step))
            break;
        put_step(c, step);
    }
    return end_line(s, c, line, e);
}

void script_name(const struct script_step *step, struct buf *out)
{
    static const char *const prefixes[SCRIPT_PLACES] = {"", "contactInfo.", "quotas.", "limits."};

    switch (step->form) {
    case FORM_INHERIT:
    case FORM_INHERIT_DOMAIN:
        buf_puts(out, "account.class");
        break;
    case FORM_ADD_ALIAS:
    case FORM_REMOVE_ALIAS:
        buf_printf(out, "alias %.*s", SLICE_ARG(step->whole));
        break;
    case FORM_ADD_MEMBER:
    case FORM_REMOVE_MEMBER:
        buf_printf(out, "member %.*s", SLICE_ARG(step->whole));
        break;
    default:
        buf_printf(out, "%s%s", prefixes[step->place], step->attr);
    }
}
