/* BER of the sync controls and of the Sync Info message → values (RFC 4533, sections 2.2 to 2.5). Pure, with liblber
 * (lber-decode(3)); fuzzed. Nothing is guessed: any deviation is an error with the bytes in its text. */
#ifndef LDAP_DECODE_H
#define LDAP_DECODE_H

#include "buf.h"
#include "err.h"
#include "sync_msg.h"

#define SYNC_REQUEST_OID "1.3.6.1.4.1.4203.1.9.1.1"
#define SYNC_STATE_OID "1.3.6.1.4.1.4203.1.9.1.2"
#define SYNC_DONE_OID "1.3.6.1.4.1.4203.1.9.1.3"
#define SYNC_INFO_OID "1.3.6.1.4.1.4203.1.9.1.4"

#define SYNC_REFRESH_REQUIRED 4096        /* e-syncRefreshRequired */
#define SYNC_REFRESH_REQUIRED_OLD 0x4100  /* the same, of slapds before RFC 4533 had its number */

enum sync_mode { SYNC_REFRESH_ONLY = 1, SYNC_REFRESH_AND_PERSIST = 3 };

/* The value of a Sync Request control; cookie may be empty. Appends BER to *out. */
void decode_make_request(enum sync_mode mode, struct slice cookie, bool reload_hint, struct buf *out);

/* Each fills the fields of *m that belong to it; copies go to *a. 0, or -1 with *e (class ERR_DATA, text with the bytes
 * in hex). decode_state() sets m->state, uuid, cookie; uuid has UUID_BYTES. If it fails but the UUID itself was whole,
 * *has_uuid is true and uuid is set. */
int decode_state(struct slice value, struct sync_msg *m, uint8_t *uuid, bool *has_uuid, struct arena *a, struct err *e);
/* Sets m->cookie, has_cookie, deletes, and done: phase.h tells a result with this control from one without by it. */
int decode_done(struct slice value, struct sync_msg *m, struct arena *a, struct err *e);
/* Sets m->type (SYNC_NEWCOOKIE, SYNC_REFRESH_DELETE, SYNC_REFRESH_PRESENT, SYNC_IDSET) and what belongs to it. */
int decode_info(struct slice value, struct sync_msg *m, struct arena *a, struct err *e);

/* Sets *e (class ERR_DATA): what does not decode, why, and its bytes in hex, of which a bounded number is shown. Returns -1. */
int decode_failed(struct err *e, const char *what, const char *why, struct slice value);

#endif
