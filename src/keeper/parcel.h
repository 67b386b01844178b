#ifndef KEEPER_PARCEL_H
#define KEEPER_PARCEL_H

#include "hubspot/events.h"
#include "keeper/event_keys.h"

/*
 * A parcel: the events that one request brought for one portal, 1 to 100,
 * sealed together.  Intake is paid per row, so what comes together lies
 * together; every event keeps its own place, state and id.
 *
 *   STORE_EVENTS  APP/NUMBER   struct parcel; tag APP/PORTAL
 *   STORE_BODIES  APP/NUMBER   the sealed bytes, never rewritten but by a
 *                              privacy deletion
 *   STORE_QUEUE   live/APP/NUMBER   struct queued, while something of it is
 *                                   to be delivered
 *                 dead/APP/NUMBER   the same, while something of it is dead
 *
 * NUMBER is 16 hex digits (event_log.h).  An event's id, in webhook-id and
 * everywhere users meet it: evt_NUMBER_INDEX, the index two hex digits.
 */
enum parcel_kind {
    PARCEL_HUBSPOT = 1, /* HubSpot's events; the others are one event */
    PARCEL_CONNECTED,
    PARCEL_SCOPES_CHANGED,
    PARCEL_NEEDS_RECONNECT,
    PARCEL_UNINSTALLED,
    PARCEL_ERASED,
    PARCEL_PRIVACY_DELETION,
    PARCEL_UNREADABLE, /* rightly signed, but no events: parked */
};
/* "hubspot.event", "portal.connected", ...: `type` in what is delivered. */
struct str parcel_kind_name(uint32_t kind);

enum parcel_source { SOURCE_PUSH = 1, SOURCE_JOURNAL, SOURCE_PORTKEEP };
struct str parcel_source_name(uint32_t source);

enum parcel_seal {
    SEALED_BY_GRANT = 1, /* under its event key key_number */
    SEALED_BY_PARKING,   /* key_number is the day */
    SEALED_BY_MASTER,    /* seal_record: notices that outlive the grant */
};

struct parcel {
    uint32_t kind, source, seal;
    uint64_t portal; /* 0: not known (unreadable) */
    uint64_t generation;
    uint64_t key_number;
    int64_t accepted_at_ms;
    uint64_t n_bytes;   /* of its rows, for event_log */
    struct str entries; /* packed struct parcel_entry, see parcel_read */
};
extern const struct record parcel_record;

#define OBJECT_HASH 16
struct parcel_entry {
    int64_t occurred_at_ms;
    uint8_t class;          /* enum event_class */
    bool is_erased;         /* by a privacy deletion: no bytes are left */
    uint32_t at, n;         /* its bytes in the opened body */
    const uint8_t *objects; /* n_objects * OBJECT_HASH, keyed hashes */
    uint8_t n_objects;
};

#define PARCEL_EVENTS_MAX 100
#define PARCEL_BODY_MAX 600000 /* a request, and what stands around it */

struct parcel_key { /* APP/NUMBER taken apart */
    struct str app;
    uint64_t number;
};
struct str parcel_key(struct arena *arena, struct str app, uint64_t number);
bool parcel_key_parse(struct str key, struct parcel_key *out);
struct str parcel_tag(struct arena *arena, struct str app, uint64_t portal);
/* Of what is parked: no list of a portal's events finds it. */
struct str parcel_parked_tag(struct arena *arena, struct str app,
                             uint64_t portal);
struct str parcel_event_id(struct arena *arena, uint64_t number, size_t index);
bool parcel_event_id_parse(struct str id, uint64_t *out_number,
                           size_t *out_index);

/* All entries, in the arena.  False: the row is damaged. */
bool parcel_read(const struct parcel *p, struct arena *arena,
                 struct parcel_entry **out, size_t *out_n);
void parcel_write(struct parcel *p, struct arena *arena,
                  const struct parcel_entry *entries, size_t n);

/* The hash of one object that an event of the portal names. */
void parcel_hash_object(const struct secret *hash_key, uint64_t portal,
                        struct str type, uint64_t id,
                        uint8_t out[static OBJECT_HASH]);

/* Seals body as STORE_BODIES of that key, under that parcel's seal, portal,
 * generation and key_number. */
void parcel_put_body(struct turn *t, struct str key, const struct parcel *p,
                     const struct secret *seal_key, struct str body);
/*
 * The opened body, in the turn's arena.  ERR_AGAIN while rows are missing;
 * ERR_NOT_FOUND: erased meanwhile; ERR_CRYPTO.
 */
enum err parcel_open_body(struct turn *t, struct str key,
                          const struct parcel *p, const struct event_keys *keys,
                          struct str *out) WARN_UNUSED;

/* What is to be delivered of a parcel. */
enum event_state {
    EVENT_PENDING = 0,
    EVENT_DELIVERED,
    EVENT_DEAD,
    EVENT_GONE, /* erased */
};
struct queued {
    struct str states; /* one byte an event, enum event_state */
    struct str tries;  /* of those that failed or are replayed, see queue.h */
};
extern const struct record queued_record;
struct str queue_live_key(struct arena *arena, struct str app, uint64_t number);
struct str queue_dead_key(struct arena *arena, struct str app, uint64_t number);

#endif
