#ifndef EMULATOR_OUTBOX_LOG_H
#define EMULATOR_OUTBOX_LOG_H

#include "base/doc.h"

struct delivery;
struct outcome;

/*
 * The last 20,000 attempts: what was sent, and what was answered.  Numbered
 * from 1 without gaps, so that a test can go on where it stopped.
 */
#define OUTBOX_LOG 20000

struct outbox_log {
    struct attempt *rows; /* a ring, made when first needed */
    uint64_t n;           /* attempts in all: the number of the last one */
};

void outbox_log_done(struct outbox_log *log);
void outbox_log_add(struct outbox_log *log, const struct delivery *d,
                    const struct outcome *o, int64_t now_ms);
/* An array of at most `most` rows with numbers above `after`, oldest first. */
void outbox_log_add_json(const struct outbox_log *log, uint64_t after,
                         uint64_t most, struct doc *d);

#endif
