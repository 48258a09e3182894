/*
 * Ports. One is found by binding to port 0, and the socket stays bound, with SO_REUSEADDR and never listening, for as
 * long as the handle lives. Linux lets slapd bind and listen on the port all the same, since it sets SO_REUSEADDR too,
 * but hands the port to nobody else, neither for bind(0) nor for an outgoing connection: so the port is still ours
 * after a stop or a crash, when a restart has to come back on it. While slapd is down a client gets "connection
 * refused", as it should.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "slapdtest_internal.h"

static int bind_any(int fd, unsigned *number_r)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int on = 1;

    /* SO_REUSEADDR after bind(2): set before, the kernel may share a port that somebody else holds in the same way */
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return -1;
    *number_r = ntohs(address.sin_port);
    return 0;
}

int slapdtest_i_port_take(struct slapdtest *s, struct slapdtest_i_port *port)
{
    if (port->fd >= 0)
        return 0;
    port->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (port->fd >= 0 && bind_any(port->fd, &port->number) == 0)
        return 0;
    slapdtest_i_fail(s, LDAP_OTHER, "no port of 127.0.0.1: %s", strerror(errno));
    slapdtest_i_port_release(port);
    return -1;
}

void slapdtest_i_port_release(struct slapdtest_i_port *port)
{
    if (port->fd >= 0)
        close(port->fd);
    port->fd = -1;
    port->number = 0;
}
