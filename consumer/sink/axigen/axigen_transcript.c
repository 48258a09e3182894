#include "axigen_transcript.h"

void transcript_add(struct transcript *t, char direction, struct slice text)
{
    char *line = t->lines[t->next++ % TRANSCRIPT_LINES];

    line[0] = direction;
    line[1] = ' ';
    wire_scrub(text, line + 2, TRANSCRIPT_WIDTH - 2);
}

const char *transcript_line(const struct transcript *t, size_t i)
{
    size_t first = t->next > TRANSCRIPT_LINES ? t->next - TRANSCRIPT_LINES : 0;

    return first + i < t->next ? t->lines[(first + i) % TRANSCRIPT_LINES] : NULL;
}
