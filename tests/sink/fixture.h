/* What the tests of the file sink share. Each test runs in a process and a temporary directory of its own. */
#ifndef TESTS_SINK_FIXTURE_H
#define TESTS_SINK_FIXTURE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "sink.h"

/* .init and .fini of the suites: makes the directory, sets file to "DIR/out.ndjson"; removes it all. */
void fixture_init(void);
void fixture_fini(void);

extern char dir[64];
extern char file[96];
extern atomic_bool stop;

struct sink *sink_new(const char *path);

/* One line as action_json() makes them, with its line end, `bytes` long or a little more. */
void add_line(struct buf *b, uint64_t seq, size_t bytes);

/* Submits lines first to last, of this many bytes each, as one batch. */
enum sink_result submit(struct sink *s, uint64_t first, uint64_t last, size_t bytes, struct err *e);

/* Opens, and checks that the position is this one. */
void expect_open(struct sink *s, uint64_t stored, uint64_t position);
/* Submits short lines first to last and checks that all went well. */
void expect_submit(struct sink *s, uint64_t first, uint64_t last);
/* A sink on path, opened: position must be stored. */
struct sink *opened(const char *path, uint64_t stored);

void write_file(const char *path, const char *p, size_t n);
struct buf read_file(const char *path);
size_t file_size(const char *path);
/* The file holds whole lines first to last, each once, in order, and nothing else. */
void expect_lines(const char *path, uint64_t first, uint64_t last);

#endif
