#include "keeper/place_of.h"

#include "keeper/event_keys.h"
#include "keeper/install.h"
#include "keeper/remote.h"

static bool
place_of_ending(struct turn *t, struct str row, struct seal_place *out)
{
    struct str rest = str_of(row.p + sizeof(REMOTE_PREFIX) - 1,
                             row.n - (sizeof(REMOTE_PREFIX) - 1));
    struct str app, portal;
    (void)t;
    *out = (struct seal_place){.kind = STR("wrap"), .row = row};
    if (!str_cut(&rest, '/', &app) || !str_cut(&rest, '/', &portal) ||
        !str_to_u64(portal, &out->portal) ||
        !str_to_u64(rest, &out->generation))
        return false;
    out->app = app;
    return true;
}

static bool
place_of_parking(struct str row, struct seal_place *out)
{
    struct str rest = str_of(row.p + sizeof(PARKING_PREFIX) - 1,
                             row.n - (sizeof(PARKING_PREFIX) - 1));
    struct str app;
    if (!str_cut(&rest, '/', &app))
        return false;
    *out = event_keys_parking_place(app, row);
    return true;
}

bool
place_of_wrap(struct turn *t, struct str row, struct seal_place *out)
{
    struct attempt a;
    *out = (struct seal_place){.kind = STR("wrap"), .row = row};
    if (str_starts(row, STR(REMOTE_PREFIX)))
        return place_of_ending(t, row, out);
    if (str_starts(row, STR(PARKING_PREFIX)))
        return place_of_parking(row, out);
    if (grant_key_parse(row, &out->app, &out->portal))
        return true;
    if (!turn_get(t, STORE_ATTEMPTS, row, &attempt_record, &a))
        return false;
    out->app = a.app;
    out->portal = 0;
    return true;
}
