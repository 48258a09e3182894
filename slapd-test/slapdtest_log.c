/* slapd's log: all that slapd and its tools write to stdout and stderr goes to slapd.log in the folder. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "slapdtest_internal.h"

#define PRINTED_BYTES 8192

long slapdtest_i_log_size(const struct slapdtest *s)
{
    struct stat st;

    return stat(s->log_path, &st) == 0 ? (long)st.st_size : 0;
}

/* The bytes from an offset on, NUL-terminated. NULL when out of memory; "" when there's no log yet. */
static char *read_from(const struct slapdtest *s, long from)
{
    long size = slapdtest_i_log_size(s) - from;
    size_t got = 0;
    char *text = calloc(1, (size_t)(size > 0 ? size : 0) + 1);
    FILE *stream;

    if (text == NULL || size <= 0)
        return text;
    stream = fopen(s->log_path, "re");
    if (stream != NULL && fseek(stream, from, SEEK_SET) == 0)
        got = fread(text, 1, (size_t)size, stream);
    text[got] = '\0';
    if (stream != NULL)
        fclose(stream);
    return text;
}

char *slapdtest_log(const struct slapdtest *s, size_t max_bytes)
{
    long size = slapdtest_i_log_size(s), from = 0;
    char *text, *line;

    if (max_bytes > 0 && size > (long)max_bytes)
        from = size - (long)max_bytes;
    text = read_from(s, from);
    if (text == NULL || from == 0)
        return text;
    line = strchr(text, '\n');
    if (line != NULL)
        memmove(text, line + 1, strlen(line + 1) + 1);
    return text;
}

void slapdtest_i_log_line(const struct slapdtest *s, long from, char *buffer, size_t size)
{
    char *text = read_from(s, from), *start = text;
    size_t length;

    *buffer = '\0';
    if (text == NULL)
        return;
    for (length = strlen(text); length > 0 && isspace((unsigned char)text[length - 1]); length--)
        text[length - 1] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if (iscntrl((unsigned char)*p))
            *p = ' ';
    if (length >= size)
        start = text + (length - size + 1); /* slapd says last what made it give up */
    snprintf(buffer, size, "%s", start);
    free(text);
}

void slapdtest_print_log(const struct slapdtest *s, FILE *stream)
{
    char *text = slapdtest_log(s, PRINTED_BYTES);

    fprintf(stream, "slapdtest: %s\nslapdtest: log of %s:\n%s", s->error[0] != '\0' ? s->error : "no error so far",
            s->folder, text != NULL ? text : "(out of memory)\n");
    free(text);
}
