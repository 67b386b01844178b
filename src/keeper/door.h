#ifndef KEEPER_DOOR_H
#define KEEPER_DOOR_H

#include "ipc/channel.h"
#include "keeper/turn.h"
#include "proto/life.h"

/*
 * The one table of who may ask what: kind of channel, message, handler.
 * What is not in it closes the channel that asked.
 */
void door_open(struct keeper *k, enum life_peer kind, uint64_t peer,
               const struct incoming *in);
/* Answers a call that cannot be served, in the form its asker expects. */
void door_refuse(struct keeper *k, turn_handler handler, uint64_t peer,
                 uint32_t call, enum err e);

const struct conversation *door_conversation(enum life_peer kind);
const char *door_kind_name(enum life_peer kind);

#endif
