#include "demo_show.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 96   /* of text, behind an indent of 2 to 4, in a terminal of 100 */

static const char *bold = "", *dim = "", *green = "", *cyan = "", *plain = "";
static unsigned steps;

void show_begin(void)
{
    const char *term = getenv("TERM");

    if (isatty(STDOUT_FILENO) != 1 || getenv("NO_COLOR") || term == NULL || strcmp(term, "dumb") == 0)
        return;
    bold = "\033[1m";
    dim = "\033[2m";
    green = "\033[32m";
    cyan = "\033[1;36m";
    plain = "\033[0m";
}

void show_title(const char *text)
{
    printf("\n%s%s%s\n", bold, text, plain);
}

void show_step(const char *format, ...)
{
    va_list arguments;

    printf("\n%s%2u  ", cyan, ++steps);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("%s\n", plain);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;   /* UTF-8 */
}

static size_t columns_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += starts_character(*text);
    return n;
}

/* printf(3) pads by bytes. */
static void cell(const char *text, size_t width)
{
    size_t n = columns_of(text);

    fputs(text, stdout);
    printf("%*s", (int)(n < width ? width - n : 0) + 2, "");
}

/* How many bytes of a line go into `width` columns, broken behind one of `at`, if there is one late enough. */
static size_t fitting(const char *text, size_t n, size_t width, const char *at)
{
    size_t columns = 0, end = 0, good = 0;

    while (end < n && columns < width) {
        do
            end++;
        while (end < n && !starts_character(text[end]));
        columns++;
        if (strchr(at, text[end - 1]))
            good = end;
    }
    return end == n || good * 4 < end ? end : good;
}

static void wrapped(const char *text, size_t n, const char *first, const char *rest, size_t width, const char *at)
{
    const char *lead = first;

    do {
        size_t part = fitting(text, n, width, at), shown = part;

        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        printf("%s%.*s\n", lead, (int)shown, text);
        text += part;
        n -= part;
        lead = rest;
    } while (n > 0);
}

void show_note(const char *format, ...)
{
    va_list arguments;
    char *text, lead[16];

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    snprintf(lead, sizeof(lead), "    %s", dim);
    wrapped(text, strlen(text), lead, "    ", COLUMNS, " ");
    fputs(plain, stdout);
    free(text);
}

void show_output(const char *command, const char *text)
{
    char first[32], rest[32];

    printf("    %s$ %s%s\n", bold, command, plain);
    snprintf(first, sizeof(first), "    %s│%s ", dim, plain);
    snprintf(rest, sizeof(rest), "    %s│%s   … ", dim, plain);
    while (*text) {
        size_t n = strcspn(text, "\n");

        wrapped(text, n, first, rest, COLUMNS - 8, " ");
        text += n + (text[n] == '\n');
    }
}

void show_json(const char *line)
{
    char lead[32];

    snprintf(lead, sizeof(lead), "    %s", green);
    wrapped(line, strlen(line), lead, "    ", COLUMNS, ",");
    fputs(plain, stdout);
}

/* ---- actions ------------------------------------------------------------------------------------------------- */

const char *action_text(const json_t *action, const char *key)
{
    const char *text = json_string_value(json_object_get(action, key));

    return text ? text : "";
}

const char *action_set(const json_t *action, const char *field)
{
    return action_text(json_object_get(action, "set"), field);
}

static void detail(const char *what, const char *text)
{
    printf("                     %s%s%s%s\n", dim, what, text, plain);
}

/* A create has many fields, which the table has shown already. */
static void show_fields(const json_t *action)
{
    json_t *set = json_object_get(action, "set"), *value;
    bool many = strcmp(action_text(action, "action"), "account.create") == 0;
    char count[48];
    const char *field;

    if (many) {
        snprintf(count, sizeof(count), "with %zu fields", json_object_size(set));
        detail(count, "");
        return;
    }
    json_object_foreach(set, field, value) {
        printf("                     %s%s = %s%s\n", dim, field, json_is_string(value) ? json_string_value(value) : "…",
               plain);
    }
}

void show_action(const json_t *action, double ms)
{
    printf("    %s%8.1f ms%s  %-15s  %s%s%s\n", green, ms, plain, action_text(action, "action"), bold,
           action_text(action, "address"), plain);
    if (*action_text(action, "from"))
        detail("was ", action_text(action, "from"));
    if (strcmp(action_text(action, "action"), "account.delete") == 0)
        detail("cause ", action_text(action, "cause"));
    show_fields(action);
}

static void show_cells(const char *const text[5])
{
    static const size_t widths[] = {3, 28, 18, 12};

    fputs("    ", stdout);
    for (size_t i = 0; i < 4; i++)
        cell(text[i], widths[i]);
    puts(text[4]);
}

void show_create(const json_t *action)
{
    const char *head[] = {"seq", "account.create", "name", "department", "position"};
    char seq[24], name[128];

    if (action == NULL) {
        fputs(dim, stdout);
        show_cells(head);
        fputs(plain, stdout);
        return;
    }
    snprintf(seq, sizeof(seq), "%3" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(action, "seq")));
    snprintf(name, sizeof(name), "%s %s", action_set(action, "contactInfo.firstName"),
             action_set(action, "contactInfo.lastName"));
    show_cells((const char *const[]){seq, action_text(action, "address"), name,
                                     action_set(action, "contactInfo.department"),
                                     action_set(action, "contactInfo.position")});
}

/* ---- mailboxes ------------------------------------------------------------------------------------------------ */

static void show_mailbox(const char *name, const json_t *account, bool last)
{
    char text[64], person[128];
    const json_t *contact = json_object_get(account, "contactInfo"), *aliases = json_object_get(account, "aliases");

    snprintf(text, sizeof(text), "%s", name);
    snprintf(person, sizeof(person), "%s %s%s%s", action_text(contact, "firstName"), action_text(contact, "lastName"),
             json_array_size(aliases) ? ", " : "", json_array_size(aliases) ? json_string_value(json_array_get(aliases, 0)) : "");
    fputs("    ", stdout);
    cell(text, 16);
    if (last)
        puts(person);
    else
        cell(person, 28);
}

size_t show_mailboxes(const json_t *accounts)
{
    const char *name;
    json_t *account;
    size_t shown = 0, retired = 0;

    json_object_foreach((json_t *)(uintptr_t)accounts, name, account) {
        if (strncmp(name, "axsync-", 7) == 0)
            retired++;
        else
            show_mailbox(name, account, shown++ % 2 == 1);
    }
    if (shown % 2 == 1)
        putchar('\n');
    return retired;
}
