#ifndef KEEPER_PEERS_H
#define KEEPER_PEERS_H

#include "proto/life.h"

struct keeper;
struct channel;

/*
 * The channels to all others, by a number that is never used twice: who
 * speaks is the channel, never a field.  A peer that closed is forgotten;
 * answers to it are dropped.
 */
struct peers;

struct peers *peers_new(struct keeper *k);
void peers_free(struct peers *ps);

/* fd is the peers' now. */
void peers_add(struct peers *ps, enum life_peer kind, uint32_t uid, int fd);
/* How often one of that kind died unasked, as the parent counts. */
void peers_note_deaths(struct peers *ps, const struct life_descriptor *what);
uint64_t peers_deaths(const struct peers *ps, enum life_peer kind);
/* It broke the rules: its channel closes now. */
void peers_close(struct peers *ps, uint64_t number);
/* NULL: gone.  uid of an admin peer. */
struct channel *peers_channel(struct peers *ps, uint64_t number);
/* 0: gone. */
enum life_peer peers_kind(struct peers *ps, uint64_t number);
uint32_t peers_uid(struct peers *ps, uint64_t number);
/* Of the newest peer of that kind; NULL: there is none. */
struct channel *peers_newest(struct peers *ps, enum life_peer kind);
/* To each peer of that kind. */
void peers_tell(struct peers *ps, enum life_peer kind, uint16_t type,
                const void *body);
size_t peers_count(struct peers *ps, enum life_peer kind);

#endif
