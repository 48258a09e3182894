#include "config_check.h"

#include <string.h>
#include <strings.h>

#include "config_syntax.h"

/* One connector, sink … as written and as read. */
struct view {
    const struct node *n;
    struct problems *problems;
};

static const struct given *given(const struct view *v, const char *key)
{
    return &v->n->given[config_row(v->n->section, key) - config_rows];
}

/* Where the key is set, else where its section begins. */
static int line_of(const struct view *v, const char *key)
{
    const struct given *g = given(v, key);

    return g->n ? g->line : v->n->line;
}

static bool wrong(const struct view *v, const char *key)
{
    return given(v, key)->wrong;
}

/* Set to something. */
static bool set(const struct view *v, const char *key)
{
    const struct given *g = given(v, key);

    return g->n > 0 && g->values[g->n - 1][0] != '\0';
}

const struct node *config_child(const struct node *n, enum config_section section, size_t i)
{
    for (size_t c = 0; c < n->n_children; c++)
        if (n->children[c]->section == section && i-- == 0)
            return n->children[c];
    return NULL;
}

/* Names of the parts of a kind: usable, and no two the same. */
static void check_names(const struct node *parent, enum config_section section, struct problems *problems)
{
    const struct node *n, *other;

    for (size_t i = 0; (n = config_child(parent, section, i)) != NULL; i++) {
        const char *problem = syntax_name(n->title);

        if (problem)
            problem_add(problems, n->line, "the name \"%.200s\" of this %s %s", n->title, config_section_name(section),
                        problem);
        for (size_t j = 0; j < i; j++) {
            other = config_child(parent, section, j);
            if (strcmp(other->title, n->title) == 0) {
                problem_add(problems, n->line, "a %s named \"%.200s\" is there already, on line %d",
                            config_section_name(section), n->title, other->line);
                break;
            }
        }
    }
}

/* ---- a connector ---- */

static bool has_scheme(const char *uri, const char *scheme)
{
    return strncasecmp(uri, scheme, strlen(scheme)) == 0;
}

static void check_tls(const struct view *v, const struct config_connector *c)
{
    for (size_t i = 0; c->start_tls && i < c->n_ldap_uris; i++)
        if (!has_scheme(c->ldap_uris[i], "ldap://")) {
            problem_add(v->problems, line_of(v, "startTLS"), "startTLS is for ldap:// only, and ldapURI has %.200s",
                        c->ldap_uris[i]);
            break;
        }
    if (set(v, "tlsCertFile") != set(v, "tlsKeyFile"))
        problem_add(v->problems, line_of(v, set(v, "tlsCertFile") ? "tlsCertFile" : "tlsKeyFile"),
                    "tlsCertFile and tlsKeyFile need each other");
}

/* EXTERNAL means that the transport knows who we are. */
static void check_external(const struct view *v, const struct config_connector *c)
{
    static const char *const others[] = { "bindDN", "bindPass", "bindPassFile" };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (set(v, others[i]))
            problem_add(v->problems, line_of(v, others[i]), "%s and saslMechanism exclude each other", others[i]);
    for (size_t i = 0; i < c->n_ldap_uris; i++) {
        const char *uri = c->ldap_uris[i];

        if (has_scheme(uri, "ldapi://"))
            continue;
        if (!set(v, "tlsCertFile") || (has_scheme(uri, "ldap://") && !c->start_tls)) {
            problem_add(v->problems, line_of(v, "saslMechanism"),
                        "EXTERNAL needs ldapi://, or TLS with tlsCertFile and tlsKeyFile, and ldapURI has %.200s", uri);
            break;
        }
    }
}

static void check_bind(const struct view *v, const struct config_connector *c)
{
    bool pass = set(v, "bindPass") || set(v, "bindPassFile");

    if (set(v, "bindPass") && set(v, "bindPassFile"))
        problem_add(v->problems, line_of(v, "bindPassFile"), "bindPass and bindPassFile exclude each other");
    if (set(v, "saslMechanism")) {
        if (!wrong(v, "saslMechanism"))
            check_external(v, c);
        return;
    }
    if (pass && !set(v, "bindDN"))
        problem_add(v->problems, line_of(v, set(v, "bindPass") ? "bindPass" : "bindPassFile"),
                    "a password without bindDN");
    /* RFC 4513, 5.1.2: a name without a password is an anonymous bind that looks like one with a name. */
    if (!pass && set(v, "bindDN"))
        problem_add(v->problems, line_of(v, "bindDN"), "bindDN needs bindPass or bindPassFile");
}

static void check_domain(const struct view *v, const struct config_connector *c)
{
    const char *key = NULL;

    if (set(v, "domain"))
        return;
    if (!c->account_whole_address)
        key = "matchAccountFullEmailAddress";
    else if (c->group_base[0] != '\0' && !c->group_whole_address)
        key = "matchGroupFullEmailAddress";
    if (key)
        problem_add(v->problems, line_of(v, "domain"),
                    "connector \"%.200s\": domain is missing: with %s = no it makes names addresses", c->name, key);
}

static void check_rest(const struct view *v, const struct config_connector *c)
{
    static const char first[] = "transientErrorRetryInterval", longest[] = "maxRetryInterval";

    if (c->clustered && !set(v, "axigenHost"))
        problem_add(v->problems, line_of(v, "clusteredSetup"), "clusteredSetup needs axigenHost");
    if (c->max_retry_interval < c->retry_interval && !wrong(v, longest) && !wrong(v, first))
        problem_add(v->problems, line_of(v, set(v, longest) ? longest : first),
                    "transientErrorRetryInterval (%d) is more than maxRetryInterval (%d)", c->retry_interval,
                    c->max_retry_interval);
}

/* ---- its attribute sections ---- */

static bool begins(const char *field, const char *context)
{
    return strncmp(field, context, strlen(context)) == 0;
}

static void check_field(const struct view *v, const struct config_attribute *a, bool axigen)
{
    const char *field = a->field, *problem = syntax_attribute(a->attribute);

    if (problem)
        problem_add(v->problems, v->n->line, "attribute \"%.200s\" %s", a->attribute, problem);
    if (wrong(v, "field") || wrong(v, "kind"))
        return;
    if (begins(field, "group.") && a->kind == OBJECT_ACCOUNT)
        problem_add(v->problems, line_of(v, "field"), "%.200s is a field of groups: kind = \"group\" is missing",
                    field);
    if (a->kind == OBJECT_GROUP && (begins(field, "account.") || begins(field, "quotas.") || begins(field, "limits.")))
        problem_add(v->problems, line_of(v, "field"), "%.200s is a field of accounts, not of groups", field);
    if (axigen && strcmp(field, "account.customerReference") == 0)
        problem_add(v->problems, line_of(v, "field"),
                    "account.customerReference can't be mapped with an axigen sink, which keeps its own mark there");
    /* ESET: its reference does not say whether it answers before the text, and a text sent ahead of a refusal would be commands. */
    if (axigen && strcmp(field, "contactInfo.contactNotes") == 0)
        problem_add(v->problems, line_of(v, "field"),
                    "contactInfo.contactNotes can't be mapped with an axigen sink: Axigen takes it by ESET only, which can't be sent safely");
}

/* Two sections that say different things of one attribute, or of one field. Only `aliases` takes the values of more
 * attributes than one. */
static bool contradict(const struct config_attribute *a, const struct config_attribute *b)
{
    bool attribute = strcasecmp(a->attribute, b->attribute) == 0, field = strcmp(a->field, b->field) == 0;

    if (a->kind != b->kind)
        return false;
    if (attribute)
        return field || a->field[0] == '\0' || b->field[0] == '\0';
    return field && a->field[0] != '\0' && strcmp(a->field, "aliases") != 0;
}

static void check_attributes(const struct node *connector, const struct config_connector *c, struct problems *problems)
{
    bool axigen = false;

    for (size_t i = 0; i < c->n_sinks; i++)
        axigen = axigen || c->sinks[i].type == SINK_TYPE_AXIGEN;
    for (size_t i = 0; i < c->n_attributes; i++) {
        struct view v = { config_child(connector, IN_ATTRIBUTE, i), problems };

        check_field(&v, &c->attributes[i], axigen);
        for (size_t j = 0; j < i; j++) {
            struct view before = { config_child(connector, IN_ATTRIBUTE, j), problems };

            if (wrong(&v, "field") || wrong(&before, "field") || wrong(&v, "kind") || wrong(&before, "kind") ||
                !contradict(&c->attributes[i], &c->attributes[j]))
                continue;
            problem_add(problems, v.n->line, "attribute \"%.200s\" contradicts the attribute section on line %d",
                        v.n->title, before.n->line);
            break;
        }
    }
}

/* ---- its sinks ---- */

/* Keys of another type of sink. */
static void check_sink_keys(const struct view *v, const struct config_sink *s)
{
    unsigned foreign = s->type == SINK_TYPE_FILE ? KEY_AXIGEN_SINK : KEY_FILE_SINK;

    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].in == IN_SINK && config_rows[i].flags & foreign && v->n->given[i].n)
            problem_add(v->problems, v->n->given[i].line, "%s belongs to a sink of type %s", config_rows[i].name,
                        s->type == SINK_TYPE_FILE ? "axigen" : "file");
}

static void check_sink(const struct view *v, const struct config_sink *s)
{
    const char *needed = s->type == SINK_TYPE_FILE ? "path" : "passwordFile";

    if (given(v, "type")->n == 0 || wrong(v, "type"))
        return;
    if (!set(v, needed))
        problem_add(v->problems, line_of(v, needed), "sink \"%.200s\": %s is missing", s->name, needed);
    check_sink_keys(v, s);
}

static void check_connector(const struct node *n, const struct config_connector *c, struct problems *problems)
{
    struct view v = { n, problems };

    check_tls(&v, c);
    check_bind(&v, c);
    check_domain(&v, c);
    check_rest(&v, c);
    check_attributes(n, c, problems);
    check_names(n, IN_SINK, problems);
    if (c->n_sinks == 0)
        problem_add(problems, n->line, "connector \"%.200s\": it has no sink", n->title);
    for (size_t i = 0; i < c->n_sinks; i++) {
        struct view sink = { config_child(n, IN_SINK, i), problems };

        check_sink(&sink, &c->sinks[i]);
    }
}

/* ---- the file ---- */

/* Two sinks may share a file in no case, for each repairs and numbers what it finds there. Standard output has neither:
 * there connectors may be mixed, as each line names its own. */
static bool same_file(const struct config_sink *a, const struct config_sink *b, bool same_connector)
{
    if (a->type != SINK_TYPE_FILE || b->type != SINK_TYPE_FILE || a->path[0] == '\0' || strcmp(a->path, b->path) != 0)
        return false;
    return same_connector || strcmp(a->path, "-") != 0;
}

static void check_path(const struct node *root, const struct config *c, size_t i, size_t j, struct problems *problems)
{
    struct view v = { config_child(config_child(root, IN_CONNECTOR, i), IN_SINK, j), problems };
    const struct config_sink *sink = &c->connectors[i].sinks[j];

    for (size_t k = 0; k <= i; k++) {
        size_t n = k < i ? c->connectors[k].n_sinks : j;

        for (size_t l = 0; l < n; l++)
            if (same_file(sink, &c->connectors[k].sinks[l], k == i)) {
                struct view other = { config_child(config_child(root, IN_CONNECTOR, k), IN_SINK, l), problems };

                problem_add(problems, line_of(&v, "path"), "path = \"%.200s\" is that of the sink on line %d too",
                            sink->path, other.n->line);
                return;
            }
    }
}

void config_check(const struct node *root, const struct config *c, struct problems *problems)
{
    if (c->n_connectors == 0)
        problem_add(problems, 0, "there is no connector");
    check_names(root, IN_CONNECTOR, problems);
    for (size_t i = 0; i < c->n_connectors; i++) {
        check_connector(config_child(root, IN_CONNECTOR, i), &c->connectors[i], problems);
        for (size_t j = 0; j < c->connectors[i].n_sinks; j++)
            check_path(root, c, i, j, problems);
    }
}
