/* The directory of the harness: entries, and the messages of RFC 4533 and of the second connection about them. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dn.h"
#include "ds389.h"
#include "phase.h"
#include "scene.h"

#define ATTRS 24

struct content {
    char *names[ATTRS], *values[ATTRS];
    size_t n;
};

struct person {
    char name[32];
    unsigned search;  /* that shows it */
    char dn[128];
    bool there;       /* in the directory */
    bool matches;     /* the filter */
    struct content now, before;
};

static struct person *people;
static size_t n_people;
static unsigned csn_count;
static struct phase_state phases[SEARCH_KINDS];
static unsigned spoken_of;   /* index of a search */
static uint32_t session_number, token;

struct look_up {
    unsigned search;
    char name[UUID_BYTES + 1];
};
static struct look_up *look_ups;   /* under way */
static bool parents_hidden;
static int provider = -1;    /* the number of its CSN; -1: of the last change */
static bool is_389;
static const char *mark = "base";
static bool apart;           /* provider_closed() */
static size_t n_asked;
static void (*meanwhile_change)(void);

static void content_free(struct content *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->names[i]);
        free(c->values[i]);
    }
    c->n = 0;
}

void directory_forget(void)
{
    for (size_t i = 0; i < n_people; i++) {
        content_free(&people[i].now);
        content_free(&people[i].before);
    }
    directory_forget_asked();
    free(people);
    people = NULL;
    n_people = 0;
    csn_count = 0;
    spoken_of = 0;
    provider = -1;
    is_389 = false;
    meanwhile_change = NULL;
    mark = "base";
    apart = false;
    session_number = token = 0;
}

void directory_forget_asked(void)
{
    free(look_ups);
    look_ups = NULL;
    n_asked = 0;
}

void uuid_of(const char *name, uint8_t uuid[UUID_BYTES])
{
    size_t n = strlen(name);

    memset(uuid, 0, UUID_BYTES);
    memcpy(uuid, name, n < UUID_BYTES ? n : UUID_BYTES);
}

static bool lies_under(const char *dn, const char *base)
{
    struct buf one = { 0 }, other = { 0 };
    bool under;

    cr_assert(dn_normalise(slice_of(dn), &one) && dn_normalise(slice_of(base), &other));
    under = dn_within(buf_slice(&one), buf_slice(&other)) && one.len > other.len;
    buf_free(&one);
    buf_free(&other);
    return under;
}

/* In its place, and matching. Places count where containers are known. */
static bool is_shown(const struct person *p, unsigned search)
{
    const char *base = mirror->specs[search].base;
    bool anywhere = search_shows_objects(&mirror->searches[mirror->n_searches - 1]);

    return p->there && p->matches && p->search == search &&
           (anywhere || strcmp(p->dn, base) == 0 || lies_under(p->dn, base));
}

static void name_of(const uint8_t *uuid, char name[UUID_BYTES + 1])
{
    memcpy(name, uuid, UUID_BYTES);
    name[UUID_BYTES] = '\0';
}

/* ---- what it does ------------------------------------------------------------------------------------------- */

static struct person *find(const char *name)
{
    for (size_t i = 0; i < n_people; i++)
        if (strcmp(people[i].name, name) == 0)
            return &people[i];
    return NULL;
}

static struct person *person(const char *name)
{
    struct person *p = find(name);

    cr_assert_not_null(p, "there is no %s", name);
    return p;
}

static void csn_text(unsigned count, char text[CSN_TEXT])
{
    snprintf(text, CSN_TEXT, "20261124074955.%06uZ#000000#000#000000", count % 1000000);
}

void provider_csn(int count)
{
    provider = count;
}

void provider_closed(bool on)
{
    apart = on;
}

void provider_is_389(void)
{
    provider = 0;
    is_389 = true;
}

void provider_mark(const char *name)
{
    mark = name;
}

static unsigned csn_of_provider(void)
{
    return provider < 0 ? csn_count : (unsigned)provider;
}

/* Where the provider stands, as SYNC_BEGIN and SYNC_CONTEXT tell it. csn 0: it has none. */
static void give_standing(struct sync_batch *b, struct sync_msg *m, unsigned csn)
{
    char text[CSN_TEXT];

    csn_text(csn, text);
    m->last_change = is_389 ? csn_count : 0;
    m->n_csns = csn > 0;
    m->csns = arena_alloc(&b->arena, sizeof(*m->csns));
    m->csns[0] = arena_copy(&b->arena, text, CSN_TEXT - 1);
    if (mark) {
        uint8_t uuid[UUID_BYTES];

        uuid_of(mark, uuid);
        m->mark = (const uint8_t *)arena_copy(&b->arena, uuid, UUID_BYTES).p;
    }
}

static void add_attr(struct content *c, const char *name, const char *value)
{
    cr_assert_lt(c->n, (size_t)ATTRS);
    c->names[c->n] = strdup(name);
    c->values[c->n++] = strdup(value);
}

static bool has_attr(const struct content *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->names[i], name) == 0)
            return true;
    return false;
}

static bool is_container(const struct person *p)
{
    return !search_shows_objects(&mirror->searches[p->search]);
}

static bool is_group(const struct person *p)
{
    return mirror->searches[p->search].kind == SEARCH_GROUPS;
}

static void put(const char *name, va_list ap)
{
    struct person *p = find(name);
    char text[CSN_TEXT], mail[64];
    const char *attr;

    if (p == NULL) {
        people = realloc(people, (n_people + 1) * sizeof(*people));
        p = &people[n_people++];
        *p = (struct person){ 0 };
        snprintf(p->name, sizeof(p->name), "%s", name);
        p->search = spoken_of;
        snprintf(p->dn, sizeof(p->dn), is_group(p) ? "cn=%s,ou=groups,dc=example,dc=com" :
                 is_container(p) ? "ou=%s,ou=people,dc=example,dc=com" : "uid=%s,ou=people,dc=example,dc=com", p->name);
    }
    content_free(&p->before);
    p->before = p->now;
    p->now.n = 0;
    p->there = p->matches = true;
    while ((attr = va_arg(ap, const char *)) != NULL)
        add_attr(&p->now, attr, va_arg(ap, const char *));
    snprintf(mail, sizeof(mail), "%s@example.com", name);
    if (is_group(p) && !has_attr(&p->now, "cn"))
        add_attr(&p->now, "cn", name);
    if (!is_group(p) && !is_container(p) && !has_attr(&p->now, "mail"))
        add_attr(&p->now, "mail", mail);
    csn_text(++csn_count, text);
    add_attr(&p->now, "entryCSN", text);
}

const char *member_dn(const char *name)
{
    static char texts[8][96];
    static unsigned at;
    char *text = texts[at++ % 8];

    snprintf(text, sizeof(texts[0]), "uid=%s,ou=people,dc=example,dc=com", name);
    return text;
}

void dir_put(const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    put(name, ap);
    va_end(ap);
}

void dir_hide(const char *name, const char *attr)
{
    struct content *c = &person(name)->now;
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->names[i], attr) == 0) {
            free(c->names[i]);
            free(c->values[i]);
            continue;
        }
        c->names[kept] = c->names[i];
        c->values[kept++] = c->values[i];
    }
    cr_assert_lt(kept, c->n, "%s has no %s", name, attr);
    c->n = kept;
}

void dir_show(const char *name, const char *attr, const char *value)
{
    add_attr(&person(name)->now, attr, value);
}

void dir_hide_entry(const char *name)
{
    person(name)->there = false;
}

void dir_show_entry(const char *name)
{
    person(name)->there = true;
}

void dir_remove(const char *name)
{
    person(name)->there = false;
    csn_count++;
}

void dir_leaves(const char *name)
{
    person(name)->matches = false;
    csn_count++;
}

void dir_at(const char *name, const char *dn)
{
    struct person *p = person(name);

    snprintf(p->dn, sizeof(p->dn), "%s", dn);
}

void dir_search_moved(unsigned from, unsigned to)
{
    for (size_t i = 0; i < n_people; i++)
        if (people[i].search == from)
            people[i].search = to;
}

void dir_rename(const char *name, const char *dn)
{
    struct content *c = &person(name)->now;
    char old[sizeof(person(name)->dn)], text[CSN_TEXT];
    struct buf b = { 0 };

    snprintf(old, sizeof(old), "%s", person(name)->dn);
    for (size_t i = 0; i < n_people; i++) {
        if (!people[i].there || !lies_under(people[i].dn, old))
            continue;
        buf_reset(&b);
        cr_assert(dn_move(slice_of(people[i].dn), slice_of(old), slice_of(dn), &b));
        snprintf(people[i].dn, sizeof(people[i].dn), "%s", buf_str(&b));
    }
    buf_free(&b);
    dir_at(name, dn);
    csn_text(++csn_count, text);
    free(c->values[c->n - 1]);   /* entryCSN is the last */
    c->values[c->n - 1] = strdup(text);
}

const char *many(int i)
{
    static char texts[8][16];
    static unsigned at;
    char *text = texts[at++ % 8];

    snprintf(text, sizeof(texts[0]), "u%03d", i);
    return text;
}

void dir_put_many(int n)
{
    for (int i = 0; i < n; i++)
        dir_put(many(i), "givenName", "Uma", NULL);
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

/* "10 20": member is u010 to u019. */
static void add_range(struct arena *a, struct entry *e, const char *range)
{
    struct entry_attr *attr = &e->attrs[e->n_attrs++];
    int from = 0, to = 0;

    cr_assert_eq(sscanf(range, "%d %d", &from, &to), 2, "%s", range);
    attr->name = slice_of("member");
    attr->values = arena_alloc(a, (size_t)(to - from) * sizeof(*attr->values));
    for (int i = from; i < to; i++) {
        const char *dn = member_dn(many(i));

        attr->values[attr->n_values++] = arena_copy(a, dn, strlen(dn));
    }
}

static struct entry *make_entry(struct arena *a, const struct person *p, const struct content *c)
{
    struct entry *e = arena_alloc(a, sizeof(*e));

    uuid_of(p->name, e->uuid);
    e->dn = arena_copy(a, p->dn, strlen(p->dn));
    e->attrs = arena_alloc(a, ATTRS * sizeof(*e->attrs));
    for (size_t i = 0; i < c->n; i++) {
        struct entry_attr *attr = (struct entry_attr *)(uintptr_t)entry_attr(e, c->names[i]);

        if (is_389 && strcmp(c->names[i], "entryCSN") == 0)
            continue;
        if (strcmp(c->names[i], "dn") == 0) {
            e->dn = arena_copy(a, c->values[i], strlen(c->values[i]));
            continue;
        }
        if (strcmp(c->names[i], "members") == 0) {
            add_range(a, e, c->values[i]);
            continue;
        }
        if (attr == NULL) {
            attr = &e->attrs[e->n_attrs++];
            attr->name = arena_copy(a, c->names[i], strlen(c->names[i]));
            attr->values = arena_alloc(a, ATTRS * sizeof(*attr->values));
        }
        attr->values[attr->n_values++] = arena_copy(a, c->values[i], strlen(c->values[i]));
    }
    return e;
}

static void give_cookie(struct sync_batch *b, struct sync_msg *m, unsigned count)
{
    char csn[CSN_TEXT], text[64 + CSN_TEXT];
    int n;

    csn_text(count, csn);
    if (is_389)
        n = snprintf(text, sizeof(text), "host:389#cn=reader:ou=people:(mail=*)#%u", csn_count);
    else
        n = snprintf(text, sizeof(text), "rid=001,sid=001,csn=%s", csn);
    m->cookie = arena_copy(&b->arena, text, (size_t)n);
    m->has_cookie = true;
}

/* Gives a message of the session its effect and hands it on. */
static void say(struct sync_batch *b)
{
    enum phase before;
    struct err e;

    for (struct sync_msg *m = b->first; m; m = m->next) {
        m->session = session_number;
        m->search = spoken_of;
        before = phases[spoken_of].phase;
        cr_assert_eq(phase_step(&phases[spoken_of], m, &e), 0, "%s", e.text);
        if (is_389)
            ds389_judge(&phases[spoken_of], before, m);
    }
    scene_round(b);
}

void speak_of(enum search_kind kind)
{
    for (unsigned i = 0; i < mirror->n_searches; i++)
        if (mirror->searches[i].kind == kind)
            spoken_of = i;
    cr_assert_eq(mirror->searches[spoken_of].kind, kind, "there is no such search");
}

static void begin_search_of(const char *uri, bool cookie, bool refused)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_BEGIN);

    phases[spoken_of] = (struct phase_state){ .persist_mode = true, .had_cookie = cookie };
    m->search = spoken_of;
    m->session = session_number;
    m->had_cookie = cookie;
    m->refused = refused;
    m->apart = apart;
    m->uri = slice_of(uri);
    give_standing(b, m, csn_of_provider());
    scene_round(b);
}

static void begin_search(bool cookie, bool refused)
{
    begin_search_of("ldap://one", cookie, refused);
}

void session_of(const char *uri)
{
    session_number++;
    spoken_of = 0;
    begin_search_of(uri, false, false);
}

void session(bool cookie)
{
    session_number++;
    spoken_of = 0;
    begin_search(cookie, false);
}

void search_begins(bool cookie)
{
    begin_search(cookie, false);
}

void session_refused(void)
{
    session_number++;
    spoken_of = 0;
    begin_search(false, true);
}

static void say_entry(const char *name, enum sync_state state, bool older)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_ENTRY);
    struct person *p = person(name);
    const struct content none = { .n = 0 };
    bool content = state == SYNC_STATE_ADD || state == SYNC_STATE_MODIFY;

    m->state = state;
    m->entry = make_entry(&b->arena, p, !content ? &none : older ? &p->before : &p->now);
    if (phases[spoken_of].phase == PHASE_OF_PERSIST)
        give_cookie(b, m, csn_of_provider());
    say(b);
}

void tell(const char *name)
{
    say_entry(name, phases[spoken_of].phase == PHASE_OF_PERSIST ? SYNC_STATE_MODIFY : SYNC_STATE_ADD, false);
}

void tell_all(void)
{
    for (size_t i = 0; i < n_people; i++)
        if (is_shown(&people[i], spoken_of))
            tell(people[i].name);
}

void tell_older(const char *name)
{
    say_entry(name, SYNC_STATE_ADD, true);
}

void tell_present(const char *name)
{
    say_entry(name, SYNC_STATE_PRESENT, false);
}

void tell_gone(const char *name)
{
    say_entry(name, SYNC_STATE_DELETE, false);
}

void tell_set(bool gone, const char *const *names)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_IDSET);
    struct buf uuids = { 0 };

    for (; *names; names++) {
        uuid_of(*names, (uint8_t *)buf_room(&uuids, UUID_BYTES));
        uuids.len += UUID_BYTES;
        m->n_uuids++;
    }
    m->uuids = (const uint8_t *)arena_copy(&b->arena, uuids.p, uuids.len).p;
    m->deletes = gone;
    if (phases[spoken_of].phase == PHASE_OF_PERSIST)
        give_cookie(b, m, csn_of_provider());
    buf_free(&uuids);
    say(b);
}

void tell_broken(const char *name)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_INVALID);
    const struct content none = { .n = 0 };

    m->entry = make_entry(&b->arena, person(name), &none);
    m->text = slice_of("it does not decode");
    say(b);
}

static struct sync_msg *add_done(struct sync_batch *b, enum sync_type type)
{
    struct sync_msg *m = sync_batch_add(b, type);

    m->done = true;
    return m;
}

void done_present(void)
{
    struct sync_batch *b = sync_batch_new();

    give_cookie(b, add_done(b, SYNC_REFRESH_PRESENT), csn_of_provider());
    say(b);
}

void done_delete(void)
{
    struct sync_batch *b = sync_batch_new();

    give_cookie(b, add_done(b, SYNC_REFRESH_DELETE), csn_of_provider());
    say(b);
}

void done_without_cookie(void)
{
    struct sync_batch *b = sync_batch_new();

    add_done(b, SYNC_REFRESH_PRESENT);
    say(b);
}

void done_without_any(void)
{
    struct sync_batch *b = sync_batch_new();

    add_done(b, SYNC_REFRESH_DELETE);
    say(b);
}

void done_with(const char *cookie)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = add_done(b, SYNC_REFRESH_PRESENT);

    m->cookie = slice_of(cookie);
    m->has_cookie = true;
    say(b);
}

void end_of_search(int rc)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_DONE);

    m->rc = rc;
    m->text = slice_of("the search ended");
    say(b);
}

void lost(void)
{
    struct sync_batch *b = sync_batch_new();

    sync_batch_add(b, SYNC_LOST)->text = slice_of("the connection broke");
    scene_round(b);
}

void refresh_in_full(void)
{
    session(false);
    tell_all();
    done_present();
}

void changes(const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    put(name, ap);
    va_end(ap);
    tell(name);
}

void deletes(const char *name)
{
    dir_remove(name);
    tell_gone(name);
}

/* ---- the second connection ---------------------------------------------------------------------------------- */

void directory_ask(unsigned search, const uint8_t *uuid)
{
    look_ups = realloc(look_ups, (n_asked + 1) * sizeof(*look_ups));
    look_ups[n_asked].search = search;
    name_of(uuid, look_ups[n_asked++].name);
}

bool was_asked(const char *name)
{
    for (size_t i = 0; i < n_asked; i++)
        if (strcmp(look_ups[i].name, name) == 0)
            return true;
    return false;
}

size_t asked(void)
{
    return n_asked;
}

/* The parent is a container that was there once. */
static bool is_parent_gone(const struct person *p)
{
    const char *parent = strchr(p->dn, ',') + 1;

    for (size_t i = 0; i < n_people; i++)
        if (strcmp(people[i].dn, parent) == 0 && !people[i].there)
            return true;
    return false;
}

static enum lookup_outcome truth(const struct person *p, unsigned search)
{
    if (p == NULL || !p->there)
        return LOOKUP_DELETED;
    return is_shown(p, search) ? LOOKUP_IN_PLACE : LOOKUP_LEFT;
}

static void add_answer(struct sync_batch *b, const struct look_up *l, int outcome)
{
    const char *name = l->name;
    struct sync_msg *m = sync_batch_add(b, SYNC_LOOKUP);
    const struct person *p = find(name), unknown = { .there = false, .search = l->search, .dn = "" };
    const struct content none = { .n = 0 };

    m->token = token;
    m->search = l->search;
    m->outcome = outcome < 0 ? truth(p, l->search) : (enum lookup_outcome)outcome;
    m->parent_unreadable = m->outcome == LOOKUP_DELETED && (parents_hidden || (p && is_parent_gone(p)));
    m->text = slice_of(m->outcome == LOOKUP_UNPROVEN ? "busy" : m->parent_unreadable ? "its parent can't be read" : "");
    m->entry = make_entry(&b->arena, p ? p : &unknown, p && m->outcome == LOOKUP_IN_PLACE ? &p->now : &none);
    uuid_of(name, m->entry->uuid);
}

/* Answers the first n, as one request; outcome -1: with the truth. csn: of the server, 0: it has none. */
static void answer_some(size_t n, int outcome, unsigned csn, const char *uri)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_CONTEXT);

    cr_assert_gt(n, 0u, "nothing was asked");
    m->token = ++token;
    m->uri = slice_of(uri);
    give_standing(b, m, csn);
    for (size_t i = 0; i < n; i++)
        add_answer(b, &look_ups[i], outcome);
    n_asked -= n;
    memmove(look_ups, look_ups + n, n_asked * sizeof(*look_ups));
    sync_batch_add(b, SYNC_PROBE_END)->token = token;
    scene_round(b);
}

static void answer_all(int outcome, unsigned csn, const char *uri)
{
    answer_some(n_asked, outcome, csn, uri);
}

bool is_subtree_due(void)
{
    struct mirror_search *s;
    char *base;

    mirror_begin(mirror);
    s = fetch_due(mirror, &base);
    free(base);
    return s != NULL;
}

static struct sync_batch *begin_answer(void)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_CONTEXT);
    char text[CSN_TEXT];

    csn_text(csn_count, text);
    m->token = ++token;
    m->uri = slice_of("ldap://one");
    m->n_csns = 1;
    m->csns = arena_alloc(&b->arena, sizeof(*m->csns));
    m->csns[0] = arena_copy(&b->arena, text, CSN_TEXT - 1);
    return b;
}

static void end_answer(struct sync_batch *b, int rc)
{
    struct sync_msg *m = sync_batch_add(b, SYNC_PROBE_END);

    m->token = token;
    m->rc = rc;
    m->text = slice_of(rc ? "it went wrong" : "");
    scene_round(b);
}

void watchdog(void)
{
    struct sync_batch *b = begin_answer();

    token--;
    b->first->token = 0;
    scene_round(b);
}

void meanwhile(void (*change)(void))
{
    meanwhile_change = change;
}

/* Only where a change is told in the midst of it does it matter which request it is: so in each. */
static void come_meanwhile(void)
{
    if (meanwhile_change)
        meanwhile_change();
}

void elsewhere(const char *uri, int csn)
{
    struct sync_batch *b = begin_answer();
    struct sync_msg *first = b->first;
    char text[CSN_TEXT];

    token--;
    if (csn > 0)
        csn_text(csn, text);
    for (unsigned i = 0; i < mirror->n_searches; i++) {
        struct sync_msg *m = i == 0 ? first : sync_batch_add(b, SYNC_ELSEWHERE);

        *m = (struct sync_msg){ .next = m->next, .type = SYNC_ELSEWHERE, .search = i, .uri = slice_of(uri) };
        m->n_csns = csn > 0;
        m->csns = arena_alloc(&b->arena, sizeof(*m->csns));
        m->csns[0] = arena_copy(&b->arena, text, csn > 0 ? CSN_TEXT - 1 : 0);
    }
    scene_round(b);
}

size_t read_subtree(int rc)
{
    struct mirror_search *s;
    size_t came = 0;
    char *base;

    cr_assert(is_subtree_due());
    while (mirror_begin(mirror), (s = fetch_due(mirror, &base)) != NULL) {
        unsigned search = search_index(mirror, s);
        struct sync_batch *b = begin_answer();

        mirror->asked++;
        csn_set_copy(&mirror->asked_highest, &s->highest);
        fetch_begin(mirror, s, token);
        for (size_t i = 0; i < n_people; i++)
            if (is_shown(&people[i], search) && (strcmp(people[i].dn, base) == 0 || lies_under(people[i].dn, base))) {
                struct sync_msg *m = sync_batch_add(b, SYNC_LISTED);

                m->search = search;
                m->token = token;
                m->entry = make_entry(&b->arena, &people[i], &people[i].now);
                came++;
            }
        free(base);
        come_meanwhile();
        end_answer(b, rc);
        if (rc)
            break;
    }
    scene_round(NULL);
    return came;
}

bool is_listing_due(void)
{
    mirror_begin(mirror);
    return reconcile_due(mirror) != NULL;
}

void list_everything(int rc)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_CONTEXT);
    struct mirror_search *s;

    mirror_begin(mirror);
    s = reconcile_due(mirror);
    cr_assert_not_null(s);
    mirror->asked++;
    csn_set_copy(&mirror->asked_highest, &s->highest);
    reconcile_begin(mirror, s, ++token);
    m->token = token;
    m->uri = slice_of("ldap://one");
    give_standing(b, m, csn_of_provider());
    for (size_t i = 0; i < n_people; i++) {
        if (!people[i].there || !people[i].matches || people[i].search != search_index(mirror, s) || (rc != 0 && i > 2))
            continue;
        m = sync_batch_add(b, SYNC_LISTED);
        m->token = token;
        m->entry = make_entry(&b->arena, &people[i], &people[i].now);
    }
    m = sync_batch_add(b, SYNC_PROBE_END);
    m->token = token;
    m->rc = rc;
    m->text = slice_of(rc ? "size limit" : "");
    come_meanwhile();
    scene_round(b);
}

static void watch_search(unsigned search)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_CONTEXT);

    m->search = search;
    m->uri = slice_of("ldap://one");
    give_standing(b, m, csn_of_provider());
    scene_round(b);
}

void watch(void)
{
    watch_search(0);
}

void watch_of(enum search_kind kind)
{
    speak_of(kind);
    watch_search(spoken_of);
}

void answer(void)
{
    answer_all(-1, csn_of_provider(), "ldap://one");
}

void answer_as(enum lookup_outcome o)
{
    answer_all((int)o, csn_count, "ldap://one");
}

void answer_one_as(enum lookup_outcome o)
{
    answer_some(1, (int)o, csn_count, "ldap://one");
}

void answer_older(const char *name)
{
    struct person *p = person(name);
    struct content now = p->now;

    p->now = p->before;
    answer();
    p->now = now;
}

void answer_without_parents(void)
{
    parents_hidden = true;
    answer();
    parents_hidden = false;
}

void answer_from_behind(void)
{
    cr_assert_gt(csn_count, 1u);
    answer_all(-1, 1, "ldap://two");
}

void answer_without_context(const char *uri)
{
    answer_all(-1, 0, uri);
}

/* ---- polling ------------------------------------------------------------------------------------------------- */

static void begin_poll(bool cookie, bool plain, unsigned csn, const char *uri)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_BEGIN);

    phases[spoken_of] = (struct phase_state){ .had_cookie = cookie };
    m->search = spoken_of;
    m->session = session_number;
    m->had_cookie = cookie;
    m->poll = true;
    m->searched = plain;
    m->uri = slice_of(uri);
    give_standing(b, m, csn);
    scene_round(b);
}

void poll_begins(bool cookie)
{
    session_number++;
    spoken_of = 0;
    begin_poll(cookie, false, csn_of_provider(), "ldap://one");
}

void polled(bool present)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = add_done(b, SYNC_DONE);

    m->deletes = !present;
    give_cookie(b, m, csn_count);
    say(b);
}

void search_poll(bool cookie)
{
    session_number++;
    spoken_of = 0;
    begin_poll(cookie, true, 0, "ldap://one");
}

void search_poll_of(const char *uri)
{
    session_number++;
    spoken_of = 0;
    begin_poll(true, true, 0, uri);
}

void search_poll_at(unsigned csn)
{
    session_number++;
    spoken_of = 0;
    begin_poll(true, true, csn, "ldap://one");
}

void search_poll_too(bool cookie)
{
    begin_poll(cookie, true, 0, "ldap://one");
}

static void say_row(const struct person *p, const struct content *c, unsigned effect)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_ENTRY);

    m->search = spoken_of;
    m->session = session_number;
    m->searched = true;
    m->effect = effect;
    m->entry = make_entry(&b->arena, p, c);
    scene_round(b);
}

static void say_rows(unsigned effect)
{
    for (size_t i = 0; i < n_people; i++)
        if (people[i].there && people[i].matches && people[i].search == spoken_of)
            say_row(&people[i], &people[i].now, effect);
}

void found(const char *name)
{
    say_row(person(name), &person(name)->now, EFFECT_CONTENT);
}

void found_all(void)
{
    say_rows(EFFECT_CONTENT | EFFECT_PRESENT);
}

void listed(const char *name)
{
    say_row(person(name), &person(name)->now, EFFECT_PRESENT | EFFECT_ROW);
}

void listed_older(const char *name)
{
    say_row(person(name), &person(name)->before, EFFECT_PRESENT | EFFECT_ROW);
}

void listed_all(void)
{
    say_rows(EFFECT_PRESENT | EFFECT_ROW);
}

void searched(int rc, bool listed_too)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m = sync_batch_add(b, SYNC_DONE);

    m->search = spoken_of;
    m->session = session_number;
    m->searched = true;
    m->rc = rc;
    m->effect = EFFECT_END | (rc == 0 ? EFFECT_COMPLETE | (listed_too ? EFFECT_ABSENT : 0) : 0);
    m->text = slice_of(rc ? "the search failed" : "");
    scene_round(b);
}

void silence(void)
{
    struct sync_batch *b = sync_batch_new();

    sync_batch_add(b, SYNC_SILENT)->text = slice_of("no answer");
    scene_round(b);
}
