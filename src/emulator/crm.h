#ifndef EMULATOR_CRM_H
#define EMULATOR_CRM_H

#include "base/arena.h"
#include "emulator/crm_types.h"
#include "emulator/map.h"

struct world;
struct account;

/*
 * The CRM of one account: records of each kind, in the order of their ids.
 *
 *     struct crm *crm = crm_of(w, account);
 *     struct record *r = crm_find(crm, CRM_CONTACT, id);
 */
struct link {
    enum crm_kind kind;
    uint64_t id;
};

struct record {
    uint64_t id;
    enum crm_kind kind;
    int64_t created_at_ms, updated_at_ms;
    int64_t archived_at_ms; /* 0: it is not */
    /* By the property's place in its type; p NULL: no value.  Id and times
     * are not in here, see crm_value. */
    struct str values[CRM_MOST_PROPERTIES];
    struct link *links;
    size_t n_links, links_room;
};

struct crm_table {
    struct record **v; /* by id, archived ones too */
    size_t n, room;
    struct map by_id;
    struct map by_value[CRM_MOST_PROPERTIES]; /* of unique properties */
};

struct crm {
    struct crm_table tables[CRM_KINDS];
    uint64_t last_id;
};

/* Values to set: has[i] with p NULL or an empty text takes the value away. */
struct crm_values {
    bool has[CRM_MOST_PROPERTIES];
    struct str v[CRM_MOST_PROPERTIES];
};

/* Made and filled with the seed's records at the first call. */
struct crm *crm_of(struct world *w, struct account *a);
struct crm *crm_new(void);
void crm_free(struct crm *crm);

/* Archived ones too; NULL if there is none. */
struct record *crm_find(const struct crm *crm, enum crm_kind kind, uint64_t id);
/* The record with this value of a unique property; never an archived one. */
struct record *crm_find_value(const struct crm *crm,
                              const struct crm_type *type, size_t property,
                              struct str value);

/* The values were checked; id 0 takes the next one. */
struct record *crm_create(struct crm *crm, const struct crm_type *type,
                          uint64_t id, const struct crm_values *values,
                          int64_t now_ms);
void crm_update(struct crm *crm, struct record *r,
                const struct crm_values *values, int64_t now_ms);
void crm_archive(struct crm *crm, struct record *r, int64_t now_ms);
/* For good: a privacy deletion. */
void crm_purge(struct crm *crm, struct record *r);

/* Both ways.  Doing it twice is doing it once. */
void crm_connect(struct record *a, struct record *b);
void crm_disconnect(struct record *a, struct record *b);
bool crm_is_connected(const struct record *a, const struct record *b);

/* Any property's value as text, in the arena where it is made up here. */
struct str crm_value(const struct record *r, size_t property,
                     struct arena *arena);

#endif
