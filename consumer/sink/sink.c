#include "sink.h"

#include <stdlib.h>

void sink_free(struct sink **s)
{
    if (*s == NULL)
        return;
    (*s)->class->close(*s);
    free(*s);
    *s = NULL;
}
