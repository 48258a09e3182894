/* Mutated configurations: no crash, no leak, and an error or a configuration, whatever they hold.
 * AXSYNC_SEED gives another run than the one that everybody has, AXSYNC_ROUNDS makes it longer. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

TestSuite(random_files, .fini = scratch_remove);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static uint64_t state;

static size_t pick(size_t n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (size_t)(state >> 33) % n;
}

static const char seed_file[] =
    "# a comment\nstateDir = \"/tmp/x\" logLevel = 'debug' /* long\n one */\n"
    "connector \"corp\" {\n ldapURI = {\"ldap://a\", ldap://b:390}\n ldapURI += ldapi:///\n accountBaseDN = \"dc=a\"\n"
    " domain = ${NOTHING:-example.com}\n accountAdditionalFilter = \"(&(a=b)(!(c=\\\\2a)))\"\n timeout = 5\n"
    " bindDN = 'cn=x' bindPass = \"p\\x41\\101${HOME}\"\n"
    " guard { maxDeletes = 5 window = 7\n }\n attribute \"cn\" { field = \"contactInfo.x\" kind = account }\n"
    " sink \"a\" { type = file path = \"-\" }\n sink \"b\" { type = axigen host = \"::1\" port = 7000 }\n}\n";

static const char *const pieces[] = {
    "{", "}", "\"", "'", "=", "+=", ",", "\n", "\\", "${", "${A:-", "#", "/*", "*/", "//", "\\x", "\\0", "(", ")", "*",
    "connector", "guard", "sink", "attribute", "ldapURI", "bindPass", " x ", "99999999999999999999", "-1", "\xff",
        "\"\"",
    "mode = search", "guard { }", "connector \"a\" { }", "sink \"a\" { }", "= {", "\r\n", " opening = x",
};

static size_t mutate(char *text, size_t len, size_t room)
{
    size_t at = pick(len + 1), n;

    switch (pick(4)) {
    case 0:   /* a byte */
        if (at < len)
            text[at] = (char)pick(256);
        break;
    case 1:   /* a piece goes */
        n = pick(12);
        if (at + n <= len) {
            memmove(text + at, text + at + n, len - at - n);
            len -= n;
        }
        break;
    case 2: { /* a piece comes */
        const char *piece = pieces[pick(sizeof(pieces) / sizeof(pieces[0]))];

        n = strlen(piece);
        if (len + n <= room) {
            memmove(text + at + n, text + at, len - at);
            memcpy(text + at, piece, n);
            len += n;
        }
        break;
    }
    default:  /* the end goes, now and then */
        if (pick(8) == 0)
            len = at;
    }
    return len;
}

Test(random_files, mutated)
{
    const char *seed = getenv("AXSYNC_SEED"), *rounds = getenv("AXSYNC_ROUNDS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    long n = rounds ? atol(rounds) : 1000;

    fprintf(stderr, "AXSYNC_SEED=%llu\n", (unsigned long long)first);
    state = first;
    for (long i = 0; i < n; i++) {
        char text[4096];
        size_t len = sizeof(seed_file) - 1;

        memcpy(text, seed_file, len);
        for (size_t m = pick(6); m > 0; m--)
            len = mutate(text, len, sizeof(text));
        LLVMFuzzerTestOneInput((const uint8_t *)text, len);
    }
}
