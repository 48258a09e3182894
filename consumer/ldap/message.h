/* The bytes of one LDAPMessage (RFC 4511, section 4.1.1) → values. Pure; fuzzed.
 *
 * Not done with libldap's own parsers for two reasons: they answer a malformed message with an assertion, or with "no controls", and
 * a first load of a million entries copies each value twice with them. */
#ifndef LDAP_MESSAGE_H
#define LDAP_MESSAGE_H

#include "err.h"
#include "sync_msg.h"

/* What follows the message ID: protocolOp with its tag, and the controls ([0], empty if there are none). */
struct message {
    unsigned char op;
    struct slice body;         /* of protocolOp, without tag and length */
    struct slice controls;     /* whole, with tag and length */
};

#define MESSAGE_ENTRY 0x64
#define MESSAGE_RESULT 0x65
#define MESSAGE_REFERENCE 0x73
#define MESSAGE_EXTENDED 0x78
#define MESSAGE_INTERMEDIATE 0x79

/* "SearchResultEntry" and so on, for texts. */
const char *message_name(unsigned char op);

/* The value of the first control with that OID; p is NULL if there is none. False if the controls do not decode. */
bool message_control(const struct message *msg, const char *oid, struct slice *value);

/* A message of a sync search (RFC 4533): sets all of *m that it brings, copies go to *a. 0; or -1 with *e (class ERR_DATA, with the
 * bytes in hex) if it does not decode and so doesn't its UUID. Where the UUID does, m->type is SYNC_INVALID and m->text says why.
 * An intermediate response that is none of RFC 4533 is legal and says nothing: m->type is then MESSAGE_IGNORED. */
#define MESSAGE_IGNORED ((enum sync_type)-1)
int message_sync(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e);

/* A SearchResultEntry without regard to controls: *entry without its uuid. As above. */
int message_entry(const struct message *msg, struct entry *entry, struct arena *a, struct err *e);

/* LDAPResult: its code and its diagnosticMessage. As above. */
int message_result(const struct message *msg, int *rc, struct slice *text, struct arena *a, struct err *e);

#endif
