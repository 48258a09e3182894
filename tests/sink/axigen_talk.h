/* A session and its scripted server, for the tests of both. */
#ifndef TESTS_SINK_AXIGEN_TALK_H
#define TESTS_SINK_AXIGEN_TALK_H

#include "axigen_peer.h"
#include "axigen_session.h"

#define PASSWORD "s3cret word"

struct talk {
    struct axigen_peer *peer;
    struct axigen_session *session;
    struct axigen_session_settings settings;
    atomic_bool stop;
    struct err e;
};

/* Starts both, not connected; settings can be changed then. cert: DIR/NAME without ".pem", NULL: plain. */
struct talk *talk_start(axigen_script *script, void *ctx, const char *cert);
/* The same, logged in. */
struct talk *talk_open(axigen_script *script, void *ctx);
void talk_end(struct talk **t);

/* Sends words as a command; checks that it could be queued. */
void talk_send(struct talk *t, const char *words, const char *leads_to);
/* The next answer must come. */
struct axigen_answer talk_receive(struct talk *t);
/* Ask must be answered. */
struct axigen_answer talk_ask(struct talk *t, const char *words);
/* The session must be over, for this reason, with an error that has these words (NULL: any), and no secret told
 * anywhere. */
void talk_expect_over(struct talk *t, enum axigen_failure why, const char *words);
/* The same, when the next answer is waited for. */
void talk_expect_no_answer(struct talk *t, enum axigen_failure why, const char *words);
/* Opening must fail so. */
void talk_expect_not_open(struct talk *t, enum axigen_failure why, const char *words);

#endif
