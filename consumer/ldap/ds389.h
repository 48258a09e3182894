/* 389 Directory Server: all that is particular about it. Who reads a directory asks struct directory's `ds389`.
 *
 *   key       its sync tells nsUniqueId as the UUID, and entryUUID, if there is any, is another one: so nsUniqueId in every mode
 *   cookie    host:port#bindDN:base:filter#NUMBER, kept as it came; NUMBER is that of a change in the retro changelog
 *   standing  no contextCSN: firstChangeNumber and lastChangeNumber of the root DSE
 *   stamps    modifyTimestamp, whole seconds
 *
 * What it gets wrong (389-ds-base 2.3.1) and what is done about it:
 *
 *   refreshOnly with a cookie tells changes only, and ends as if all else had been shown     no candidates for absence come of it
 *   a cookie whose number the changelog does not reach back to any more is taken             none is sent then
 *   of many deletions each 51st is not told, nor who left the filter while nobody listened   all is listed soon after a resume
 *   what a resume tells comes without operational attributes, so without a stamp             each is read again
 *   a cookie with the number -1 comes at times                                               it changes nothing */
#ifndef LDAP_DS389_H
#define LDAP_DS389_H

#include "directory.h"
#include "phase.h"

#define DS389_KEY "nsUniqueId"

/* The entry whose aci gives the right to the sync control. */
#define DS389_FEATURE "oid=1.3.6.1.4.1.4203.1.9.1.1,cn=features,cn=config"

/* Whether a root DSE, of which at least DS389_VENDOR was asked for, is one of such a server. root may be NULL. */
#define DS389_VENDOR "vendorName"
bool ds389_is_it(const struct entry *root);

/* nsUniqueId, "3e367e9a-e79811f1-a4a1f9c5-1ac7308a", to the UUID that the sync tells: the same 32 digits. False if it is none. */
bool ds389_key_parse(struct slice text, uint8_t uuid[UUID_BYTES]);
/* … and back; out has DS389_KEY_TEXT bytes. Returns out. */
#define DS389_KEY_TEXT 36
char *ds389_key_format(const uint8_t uuid[UUID_BYTES], char *out);

/* The change number of a cookie. False if it has not the form of 389's, or no number. */
bool ds389_cookie_number(struct slice cookie, int64_t *number);
/* Whether it looks like one of 389's, be the number what it may. */
bool ds389_is_cookie(struct slice cookie);

/* Reads m->first_change and m->last_change; 0: the server shows none, having no retro changelog or no right to it to give.
 * LDAP_SUCCESS, or one of libldap's negative codes with *e. */
int ds389_standing(struct directory *d, struct sync_msg *m, struct err *e);

/* Whether changes that came after a cookie are no longer in the changelog. */
bool ds389_is_trimmed(const char *cookie, int64_t first_change);

/* A legal message of a sync search; before: the phase in which it came. Changes m->effect. */
void ds389_judge(const struct phase_state *state, enum phase before, struct sync_msg *m);

#endif
