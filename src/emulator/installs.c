#include "emulator/installs.h"

#include "emulator/own.h"
#include "emulator/world.h"

#include <stdlib.h>

#define MOST 1000

static void
remove_oldest(struct installs *all)
{
    struct install *i = all->oldest;
    all->oldest = i->next;
    if (all->oldest == NULL)
        all->newest = NULL;
    map_take(&all->by_id, i->id);
    own_drop(&i->id);
    own_drop(&i->client_id);
    own_drop(&i->redirect_uri);
    own_drop_texts(&i->scopes);
    free(i);
}

void
installs_done(struct installs *all)
{
    while (all->oldest != NULL)
        remove_oldest(all);
    map_done(&all->by_id);
    *all = (struct installs){0};
}

struct install *
installs_find(const struct installs *all, struct str id)
{
    return map_get(&all->by_id, id);
}

struct install *
installs_begin(struct world *w, const struct install *model)
{
    struct installs *all = &w->installs;
    if (all->by_id.n >= MOST)
        remove_oldest(all);
    struct arena *arena = arena_new();
    struct install *i = own_alloc(sizeof(*i));
    *i = (struct install){
        .id = own_text(world_uuid(w, arena)),
        .client_id = own_text(model->client_id),
        .redirect_uri = own_text(model->redirect_uri),
        .account = model->account,
        .scopes = own_texts(model->scopes),
    };
    arena_free(arena);
    if (all->newest != NULL)
        all->newest->next = i;
    else
        all->oldest = i;
    all->newest = i;
    map_put(&all->by_id, i->id, i);
    return i;
}
