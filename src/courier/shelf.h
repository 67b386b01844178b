#ifndef COURIER_SHELF_H
#define COURIER_SHELF_H

#include "base/buf.h"
#include "base/env.h"

/*
 * Files of HubSpot's journal that are being handed over, cut into pieces
 * that fit into a message.
 *
 *     e = shelf_put(s, &file, &handle, &n_pieces);  -- takes the file
 *     e = shelf_piece(s, handle, 0, &out);          -- a JSON array
 *
 * A file goes with its last piece, or SHELF_KEEP_MS after it came.  Events
 * are HubSpot's bytes; nothing of them is read here.
 */
#define SHELF_FILES 4
#define SHELF_KEEP_MS 60000
#define SHELF_EVENTS 100 /* in one piece, and LIMIT_PIECE bytes */

struct shelf;

struct shelf *shelf_new(struct env *env);
/* Wipes.  Takes NULL. */
void shelf_free(struct shelf *s);

/* How many more files fit now. */
size_t shelf_room(struct shelf *s);

/*
 * ERR_SYNTAX: it is no file of the journal; ERR_LIMIT: no room.  The file is
 * the shelf's on ERR_OK.  Without events n_pieces is 0 and nothing is held.
 */
enum err shelf_put(struct shelf *s, struct buf *file, uint64_t *out_handle,
                   uint32_t *out_n_pieces) WARN_UNUSED;

/* Appends the piece.  ERR_NOT_FOUND: it is no longer held. */
enum err shelf_piece(struct shelf *s, uint64_t handle, uint32_t index,
                     struct buf *out) WARN_UNUSED;

#endif
