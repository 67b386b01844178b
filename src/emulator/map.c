#include "emulator/map.h"

#include "emulator/own.h"

#include <stdlib.h>

/*
 * Open addressing with linear probing.  A slot is free (hash 0), left
 * (hash 1) or taken; real hashes are 2 and up.
 */
struct map_slot {
    uint64_t hash;
    struct str key;
    void *value;
};

#define FREE 0
#define LEFT 1

/* FNV-1a, then mixed: the keys are few and nobody here attacks the table. */
static uint64_t
hash_of(struct str key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (uint8_t)key.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    return h > LEFT ? h : h + 2;
}

void
map_done(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}

static struct map_slot *
find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->room == 0)
        return NULL;
    for (size_t i = hash & (m->room - 1);; i = (i + 1) & (m->room - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (slot->hash == FREE)
            return NULL;
        if (slot->hash == hash && str_equal(slot->key, key))
            return slot;
    }
}

void *
map_get(const struct map *m, struct str key)
{
    struct map_slot *slot = find(m, key, hash_of(key));
    return slot != NULL ? slot->value : NULL;
}

static void
place(struct map *m, const struct map_slot *entry)
{
    size_t i = entry->hash & (m->room - 1);
    while (m->slots[i].hash > LEFT)
        i = (i + 1) & (m->room - 1);
    m->n_used += m->slots[i].hash == FREE;
    m->slots[i] = *entry;
    m->n++;
}

/* Keeps a quarter free, so that every search ends soon. */
static void
make_room(struct map *m)
{
    if ((m->n_used + 1) * 4 <= m->room * 3)
        return;
    struct map old = *m;
    m->room = old.room == 0           ? 16
              : old.n * 2 >= old.room ? old.room * 2
                                      : old.room;
    m->slots = own_alloc(m->room * sizeof(*m->slots));
    m->n = m->n_used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].hash > LEFT)
            place(m, &old.slots[i]);
    }
    free(old.slots);
}

void
map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = hash_of(key);
    struct map_slot *slot = find(m, key, hash);
    if (slot != NULL) {
        slot->key = key;
        slot->value = value;
        return;
    }
    make_room(m);
    place(m, &(struct map_slot){hash, key, value});
}

void *
map_take(struct map *m, struct str key)
{
    struct map_slot *slot = find(m, key, hash_of(key));
    if (slot == NULL)
        return NULL;
    void *value = slot->value;
    *slot = (struct map_slot){.hash = LEFT};
    m->n--;
    return value;
}

void *
map_next(const struct map *m, size_t *i)
{
    while (*i < m->room) {
        struct map_slot *slot = &m->slots[(*i)++];
        if (slot->hash > LEFT)
            return slot->value;
    }
    return NULL;
}
