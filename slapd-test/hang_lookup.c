/* Loaded before the C library (LD_PRELOAD): a name server that never answers. */
#include <netdb.h>
#include <unistd.h>

/* Its declaration in netdb.h has parameters of other names in each libc. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)out;
    for (;;)
        pause();
}
