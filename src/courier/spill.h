#ifndef COURIER_SPILL_H
#define COURIER_SPILL_H

#include "base/env.h"
#include "proto/courier.h"

/*
 * Token replies that the keeper may not have committed, sealed to its public
 * key so that nobody else reads them, this process included.
 *
 *     spill_keep(s, &entry);    -- at each token reply
 *     spill_forget(s);          -- now and then: the keeper had its time
 *     spill_hold(s, for_ms);    -- it needs more: its disk is full
 *     e = spill_write(s);       -- the keeper is gone: into the file
 *
 * A reply is lost between our write and the keeper's commit if the keeper is
 * killed there.  So each is kept for SPILL_KEEP_MS after it was handed over;
 * one that is spilled although it was committed is known by its version.
 * File: entries of a 32-bit length and a crypto_box_seal of spill_entry.
 */
#define SPILL_KEEP_MS 10000

struct spill;

/* fd: open for appending, the spill's now; -1: nothing is ever kept. */
struct spill *spill_new(int fd, struct env *env);
void spill_free(struct spill *s);
/* ERR_INVALID if it is no key. */
enum err spill_set_key(struct spill *s, struct str public_key) WARN_UNUSED;
/* Without a key nothing is kept. */
void spill_keep(struct spill *s, const struct spill_entry *entry);
/* Lets those go whose time is over; says how many are left. */
size_t spill_forget(struct spill *s);
/* All that are kept now stay for at least that long. */
void spill_hold(struct spill *s, uint32_t for_ms);
/* Is anything kept because of that? */
bool spill_is_held(const struct spill *s);
/* Appends all that are kept, on disk when it returns.  ERR_SYSTEM. */
enum err spill_write(struct spill *s) WARN_UNUSED;

#endif
