/* What the tests of this folder share: a folder of their own, the program as a child, a state to look at. */
#ifndef TESTS_CMD_SUPPORT_H
#define TESTS_CMD_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

/* A new folder under $TMPDIR, removed with all that is in it when the test's process ends. Lives until then. */
const char *test_folder(void);
/* folder/name, malloc'ed. */
char *test_path(const char *name);
/* Writes a file into the folder, mode 0600. Returns its path, malloc'ed. */
char *test_file(const char *name, const char *text);
/* A configuration with one connector "corp" and one file sink "journal", its state in the folder. */
char *test_config(void);
/* … with this customSchemaFile. */
char *test_config_with(const char *schema);

/* A run of the program. */
struct run {
    int code; /* exit code; 1000 + signal if it was killed */
    char *out, *err;
};
/* args end with NULL; the program's name is not among them. */
void run_axsync(struct run *r, const char *const *args);
void run_free(struct run *r);
/* Runs and checks the exit code; words of expectation must be in standard output (or error), NULL: whatever. */
void expect(const char *const *args, int code, const char *out, const char *err);
#define EXPECT(code, out, err, ...) expect((const char *const[]){__VA_ARGS__, NULL}, code, out, err)

/* Fills the state of "corp" of test_config(): alice and bob, whose deletions are held (hold 7); carol, who wants bob's
 * address; dave, an orphan; eve, who is gone; mallory, invalid, her name with a control character; frank, mirrored;
 * three queued actions, of which the sink has the first. */
void fill_state(void);
/* Then: actions 1 and 2 are set aside, of alice, the first one parked and the other behind it. */
void set_aside(void);
/* Or: frank is to be bob@example.com, which is taken, and to be taken out of the group sales, which waits for that; the clear of a field of
 * his was put off. */
void set_leaving(void);
/* Or: 1 and 2 wait for their domain, of which only 1 was tried; 3 was not tried yet; the accounts of eve and of two others are due,
 * hers was looked up. */
void set_waiting(void);

#endif
