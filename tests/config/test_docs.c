/* The sample configuration and the man page name every key and its default, and nothing else. */
#include <ctype.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_table.h"
#include "support.h"

TestSuite(docs, .fini = scratch_remove);

static char *document(const char *name)
{
    char path[512];
    struct err e = { 0 };
    size_t len;
    mode_t mode;
    char *text;

    snprintf(path, sizeof(path), "%s/%s", AXSYNC_DOCS, name);
    text = config_file_read(path, 1 << 20, 1, &len, &mode, &e);
    cr_assert_not_null(text, "%s", e.text);
    return text;
}

Test(docs, sample_reads_as_it_is)
{
    char *text = document("axsync.conf.sample");
    struct config *c = read_right(text);

    cr_expect_eq(c->n_connectors, 1);
    free(text);
    config_free(&c);
}

/* The sample with everything in it switched on: a "#" right before a key goes, and files are replaced by one that is
 * there. malloc'ed. */
static char *all_switched_on(char *text)
{
    const char *secret = scratch_file("secret", "x\n", 0600);
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *key = line + strspn(line, " "), *file = strstr(line, "\"/etc/axsync/");

        if (key[0] == '#' && key[1] != ' ')
            key[0] = ' ';
        if (file)
            fprintf(f, "%.*s\"%s\"\n", (int)(file - line), line, secret);
        else
            fprintf(f, "%s\n", line);
    }
    fclose(f);
    return out;
}

Test(docs, sample_with_all_keys)
{
    char *text = document("axsync.conf.sample"), *out = all_switched_on(text);
    struct config *c;

    for (size_t i = 0; i < config_n_rows; i++)
        cr_expect_not_null(strstr(out, config_rows[i].name), "%s", config_rows[i].name);
    c = read_right(out);
    config_free(&c);
    free(text);
    free(out);
}

/* `key = default` as the sample shows it, of each section where it stands. */
static bool sample_shows(const char *text, const struct config_row *row)
{
    char plain[128], quoted[128];

    if (row->type == CONFIG_SECTION || row->fallback == NULL)
        return true;
    snprintf(plain, sizeof(plain), "%s = %s", row->name, row->fallback);
    snprintf(quoted, sizeof(quoted), "%s = \"%s\"", row->name, row->fallback);
    return strstr(text, plain) || strstr(text, quoted);
}

/* Shown with an example, as the default is empty and of no help. */
static bool example(const char *name)
{
    static const char *const names[] = { "bindDN", "bindPassFile", "domain", "path", "passwordFile", "kind" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

Test(docs, sample_shows_defaults)
{
    char *text = document("axsync.conf.sample");

    for (size_t i = 0; i < config_n_rows; i++)
        cr_expect(example(config_rows[i].name) || sample_shows(text, &config_rows[i]), "%s", config_rows[i].name);
    free(text);
}

/* The entry of a key in the man page: from its .It to the next, or to the end of the list. */
static char *entry(const char *page, enum config_section in, const char *key)
{
    static const char *const parts[] = { "KEYS OF THE FILE", "KEYS OF A CONNECTOR", "KEYS OF A GUARD",
                                         "KEYS OF AN ATTRIBUTE", "KEYS OF A SINK" };
    const char *part = strstr(page, parts[in]), *at = part, *end;
    size_t n = strlen(key);

    cr_assert_not_null(part, "%s", parts[in]);
    do {
        at = strstr(at, "\n.It Ic ");
        if (at == NULL)
            return NULL;
        at += strlen("\n.It Ic ");
    } while (strncmp(at, key, n) != 0 || isalnum((unsigned char)at[n]));
    /* Two keys may share one text. */
    end = at + strcspn(at, "\n");
    if (strncmp(end, "\n.It", 4) == 0)
        end++;
    while (strncmp(end, "\n.It", 4) != 0 && strncmp(end, "\n.El", 4) != 0)
        end++;
    return strndup(at, (size_t)(end - at));
}

Test(docs, man_page_has_every_key)
{
    char *page = document("axsync.conf.5");

    for (size_t i = 0; i < config_n_rows; i++) {
        const struct config_row *row = &config_rows[i];
        char *text = entry(page, row->in, row->name), range[64];

        cr_expect_not_null(text, "%s", row->name);
        if (text == NULL || row->type == CONFIG_SECTION) {
            free(text);
            continue;
        }
        snprintf(range, sizeof(range), "%" PRId64 " to %" PRId64 ".", row->min, row->max);
        cr_expect(row->type != CONFIG_NUMBER || strstr(text, range), "%s: %s", row->name, range);
        cr_expect(row->flags & KEY_REQUIRED || strstr(text, "Default:") || strstr(text, "Required."), "%s", row->name);
        cr_expect(row->fallback == NULL || row->fallback[0] == '\0' || strstr(text, row->fallback), "%s: %s", row->name,
                  row->fallback);
        cr_expect(row->in == IN_GUARD || !!(row->flags & KEY_LIVE) == (strstr(text, "Live") != NULL), "%s", row->name);
        free(text);
    }
    free(page);
}

/* No key that is none. */
Test(docs, man_page_has_no_other_key)
{
    char *page = document("axsync.conf.5");

    for (char *at = page; (at = strstr(at, "\n.It Ic ")) != NULL;) {
        char key[64];
        bool known = false;

        at += strlen("\n.It Ic ");
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, " \n"), at);
        for (int s = 0; s < CONFIG_SECTIONS; s++)
            known = known || config_row((enum config_section)s, key);
        cr_expect(known, "%s", key);
    }
    free(page);
}
