/* The JSON line of an action. docs/actions.md explains it, docs/actions.schema.json defines it. */
#include "action.h"

/* Names are constants of ours: no escaping, and a copy of known length. */
#define PUT(out, literal) buf_add(out, literal, sizeof(literal) - 1)

#define SEQ_BEFORE "{\"seq\":"

static const char *const type_names[] = {
#define ACTION(symbol, name) [symbol] = name,
#include "action.def"
#undef ACTION
};

static const char *const cause_names[] = {
    [CAUSE_ADD] = "add", [CAUSE_MODIFY] = "modify", [CAUSE_RENAME] = "rename", [CAUSE_DELETE] = "delete",
    [CAUSE_LEAVE] = "leave", [CAUSE_ABSENT] = "absent", [CAUSE_MOVED] = "moved", [CAUSE_RESOLVE] = "resolve",
    [CAUSE_RESYNC] = "resync", [CAUSE_REPAIR] = "repair",
};
_Static_assert(sizeof(cause_names) / sizeof(*cause_names) == CAUSES, "a name for each cause");

static const char *const phase_names[] = {
    [PHASE_REFRESH] = "refresh", [PHASE_PERSIST] = "persist", [PHASE_POLL] = "poll", [PHASE_LOCAL] = "local",
};
_Static_assert(sizeof(phase_names) / sizeof(*phase_names) == PHASES, "a name for each phase");

const char *action_type_name(enum action_type t)
{
    return (unsigned)t < ACTION_TYPES ? type_names[t] : "";
}

const char *cause_name(enum cause c)
{
    return (unsigned)c < CAUSES ? cause_names[c] : "";
}

const char *phase_name(enum phase_word p)
{
    return (unsigned)p < PHASES ? phase_names[p] : "";
}

struct action action_create_of(const struct object *o, enum cause cause, enum phase_word phase)
{
    return (struct action){
        .type = o->kind == OBJECT_GROUP ? ACTION_GROUP_CREATE : ACTION_ACCOUNT_CREATE,
        .uuid = o->uuid,
        .dn = o->dn,
        .address = o->address,
        .set = o->fields,
        .n_set = o->n_fields,
        .set_aliases = o->aliases,
        .n_set_aliases = o->n_aliases,
        .cause = cause,
        .phase = phase,
    };
}

static void put_number(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(out, digits + i, sizeof(digits) - i);
}

/* The actions of one commit share their time, and to format it takes longer than all the rest. */
static void put_time(struct buf *out, int64_t ms)
{
    static _Thread_local int64_t last_ms;
    static _Thread_local char text[TIME_TEXT];

    if (text[0] == '\0' || ms != last_ms)
        time_format(ms, text);
    last_ms = ms;
    buf_puts(out, text);
}

static void put_string_unless_empty(struct buf *out, const char *key, struct slice value)
{
    if (value.len == 0)
        return;
    buf_puts(out, key);
    buf_json(out, value);
}

static void put_array(struct buf *out, const struct slice *values, uint32_t n)
{
    PUT(out, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            PUT(out, ",");
        buf_json(out, values[i]);
    }
    PUT(out, "]");
}

static void put_array_unless_empty(struct buf *out, const char *key, const struct slice *values, uint32_t n)
{
    if (n == 0)
        return;
    buf_puts(out, key);
    put_array(out, values, n);
}

/* The name of a field as a key: ASCII letters, digits and a dot (field_intern()). */
static void put_key(struct buf *out, field_id field)
{
    PUT(out, "\"");
    buf_puts(out, field_name(field));
    PUT(out, "\"");
}

static void put_aliases_member(struct buf *out, const struct action *a, bool first)
{
    if (!first)
        PUT(out, ",");
    PUT(out, "\"aliases\":");
    put_array(out, a->set_aliases, a->n_set_aliases);
}

static void put_set(struct buf *out, const struct action *a)
{
    bool aliases = a->n_set_aliases > 0;

    if (a->n_set == 0 && !aliases)
        return;
    PUT(out, ",\"set\":{");
    for (uint32_t i = 0; i < a->n_set; i++) {
        if (aliases && field_compare(FIELD_ALIASES, a->set[i].field) < 0) {
            put_aliases_member(out, a, i == 0);
            PUT(out, ",");
            aliases = false;
        } else if (i) {
            PUT(out, ",");
        }
        put_key(out, a->set[i].field);
        PUT(out, ":");
        buf_json(out, a->set[i].value);
    }
    if (aliases)
        put_aliases_member(out, a, a->n_set == 0);
    PUT(out, "}");
}

static void put_clear(struct buf *out, const struct action *a)
{
    if (a->n_clear == 0)
        return;
    PUT(out, ",\"clear\":[");
    for (uint32_t i = 0; i < a->n_clear; i++) {
        if (i)
            PUT(out, ",");
        put_key(out, a->clear[i]);
    }
    PUT(out, "]");
}

void action_json(const struct action *a, struct buf *out)
{
    char uuid[UUID_TEXT];

    PUT(out, SEQ_BEFORE);
    put_number(out, a->seq);
    PUT(out, ",\"time\":\"");
    put_time(out, a->time_ms);
    PUT(out, "\"");
    put_string_unless_empty(out, ",\"connector\":", a->connector);
    PUT(out, ",\"action\":\"");
    buf_puts(out, action_type_name(a->type));
    PUT(out, "\",\"uuid\":\"");
    buf_puts(out, uuid_format(a->uuid, uuid));
    PUT(out, "\"");
    put_string_unless_empty(out, ",\"dn\":", a->dn);
    put_string_unless_empty(out, ",\"address\":", a->address);
    put_string_unless_empty(out, ",\"from\":", a->from);
    put_set(out, a);
    put_clear(out, a);
    put_array_unless_empty(out, ",\"add\":", a->add, a->n_add);
    put_array_unless_empty(out, ",\"remove\":", a->remove, a->n_remove);
    PUT(out, ",\"cause\":\"");
    buf_puts(out, cause_name(a->cause));
    PUT(out, "\",\"phase\":\"");
    buf_puts(out, phase_name(a->phase));
    PUT(out, "\"}");
}

uint64_t action_line_seq(struct slice line)
{
    size_t i = sizeof(SEQ_BEFORE) - 1;
    uint64_t seq = 0;

    if (line.len < i || memcmp(line.p, SEQ_BEFORE, i) != 0)
        return 0;
    for (; i < line.len && line.p[i] >= '0' && line.p[i] <= '9'; i++)
        if (__builtin_mul_overflow(seq, 10, &seq) || __builtin_add_overflow(seq, (uint64_t)(line.p[i] - '0'), &seq))
            return 0;
    return i < line.len && line.p[i] == ',' ? seq : 0;
}
