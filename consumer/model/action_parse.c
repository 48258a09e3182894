#include "action_parse.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

/* What is read, and where to; the first thing that is wrong is kept. */
struct parse {
    struct arena *arena;
    const char *wrong;     /* name of the key that does not fit; NULL: nothing is wrong so far */
};

static struct slice text_of(struct parse *p, json_t *value, const char *key)
{
    if (value == NULL)
        return (struct slice){ 0 };
    if (!json_is_string(value)) {
        p->wrong = key;
        return (struct slice){ 0 };
    }
    return arena_copy(p->arena, json_string_value(value), json_string_length(value));
}

static struct slice member(struct parse *p, json_t *line, const char *key)
{
    return text_of(p, json_object_get(line, key), key);
}

/* The number that a word has in a list of n names; n: none. */
static unsigned word(struct parse *p, json_t *line, const char *key, const char *(*name)(unsigned), unsigned n)
{
    struct slice text = member(p, line, key);
    unsigned i = 0;

    while (i < n && !slice_eq(text, slice_of(name(i))))
        i++;
    if (i == n)
        p->wrong = key;
    return i;
}

static const char *type_at(unsigned i)
{
    return action_type_name((enum action_type)i);
}

static const char *cause_at(unsigned i)
{
    return cause_name((enum cause)i);
}

static const char *phase_at(unsigned i)
{
    return phase_name((enum phase_word)i);
}

static struct slice *strings(struct parse *p, json_t *array, const char *key, uint32_t *n)
{
    struct slice *out;
    json_t *each;
    size_t i;

    *n = 0;
    if (array == NULL)
        return NULL;
    if (!json_is_array(array) || json_array_size(array) > UINT32_MAX) {
        p->wrong = key;
        return NULL;
    }
    out = arena_alloc(p->arena, (json_array_size(array) + 1) * sizeof(*out));
    json_array_foreach(array, i, each) {
        out[(*n)++] = text_of(p, each, key);
        if (!json_is_string(each))
            p->wrong = key;
    }
    return out;
}

static field_id field(struct parse *p, const char *name, const char *key)
{
    field_id f = field_intern(slice_of(name));

    if (f == FIELD_NONE)
        p->wrong = key;
    return f;
}

static void read_set(struct parse *p, json_t *set, struct action *a)
{
    struct object_field *fields;
    const char *name;
    json_t *value;

    if (set == NULL)
        return;
    if (!json_is_object(set)) {
        p->wrong = "set";
        return;
    }
    fields = arena_alloc(p->arena, (json_object_size(set) + 1) * sizeof(*fields));
    a->set = fields;
    json_object_foreach(set, name, value) {
        if (strcmp(name, field_name(FIELD_ALIASES)) == 0)
            a->set_aliases = strings(p, value, "set", &a->n_set_aliases);
        else
            fields[a->n_set++] = (struct object_field){ field(p, name, "set"), text_of(p, value, "set") };
    }
}

static void read_clear(struct parse *p, json_t *clear, struct action *a)
{
    uint32_t n;
    struct slice *names = strings(p, clear, "clear", &n);
    field_id *fields = arena_alloc(p->arena, (n + 1) * sizeof(*fields));

    for (uint32_t i = 0; i < n && p->wrong == NULL; i++)
        fields[i] = field(p, names[i].p, "clear");
    a->clear = fields;
    a->n_clear = n;
}

/* As time_format() writes it. */
static int64_t read_time(struct parse *p, json_t *line)
{
    struct slice text = member(p, line, "time");
    struct tm tm = { 0 };
    int ms = 0, end = 0;

    if (text.len != TIME_TEXT - 1 ||
        sscanf(text.p, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &ms, &end) != 7 || end != TIME_TEXT - 1) {
        p->wrong = "time";
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm) * 1000 + ms;
}

static void read_uuid(struct parse *p, json_t *line, struct action *a)
{
    uint8_t *uuid = arena_alloc(p->arena, UUID_BYTES);

    if (!uuid_parse(member(p, line, "uuid"), uuid))
        p->wrong = "uuid";
    a->uuid = uuid;
}

static void read_action(struct parse *p, json_t *line, struct action *a)
{
    json_t *seq = json_object_get(line, "seq");

    if (!json_is_integer(seq) || json_integer_value(seq) < 0)
        p->wrong = "seq";
    a->seq = (uint64_t)json_integer_value(seq);
    a->time_ms = read_time(p, line);
    a->connector = member(p, line, "connector");
    a->type = (enum action_type)word(p, line, "action", type_at, ACTION_TYPES);
    read_uuid(p, line, a);
    a->dn = member(p, line, "dn");
    a->address = member(p, line, "address");
    a->from = member(p, line, "from");
    read_set(p, json_object_get(line, "set"), a);
    read_clear(p, json_object_get(line, "clear"), a);
    a->add = strings(p, json_object_get(line, "add"), "add", &a->n_add);
    a->remove = strings(p, json_object_get(line, "remove"), "remove", &a->n_remove);
    a->cause = (enum cause)word(p, line, "cause", cause_at, CAUSES);
    a->phase = (enum phase_word)word(p, line, "phase", phase_at, PHASES);
}

int action_parse(struct slice line, struct action *a, struct arena *arena, struct err *e)
{
    struct parse p = { .arena = arena };
    json_error_t why;
    json_t *json = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);

    *a = (struct action){ 0 };
    if (json == NULL)
        return err_set(e, ERR_DATA, "an action that is not JSON: %s", why.text);
    if (json_is_object(json))
        read_action(&p, json, a);
    else
        p.wrong = "object";
    json_decref(json);
    return p.wrong ? err_set(e, ERR_DATA, "an action whose \"%s\" is missing, damaged or unknown", p.wrong) : 0;
}
