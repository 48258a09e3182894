/* A small company that does not exist. */
#ifndef DEMO_PEOPLE_H
#define DEMO_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

#define PEOPLE_BASE "ou=people,dc=example,dc=com"

struct person {
    const char *uid, *given, *family, *unit, *title;
    unsigned desk;       /* phone, mobile and room */
    bool gone;
};

/* The 20 who are there at the beginning; people_end() is one behind the last. Who is moved or leaves is changed here. */
struct person *people_begin(void);
struct person *people_end(void);
struct person *people_find(const char *uid);
size_t people_count(void);

/* LDIF of all: the suffix, ou=people, its four units, and the people. schema: the server has axsync's own schema. For
 * the caller to free. */
char *people_ldif(bool schema);
/* LDIF of one. */
char *person_ldif(const struct person *p, bool schema);
/* "uid=…,ou=…,ou=people,dc=example,dc=com", for the caller to free. */
char *person_dn(const struct person *p);

#endif
