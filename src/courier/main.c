#include "courier/role.h"

/* Which of the two it is: the parent says so in the settings. */
static const struct courier_role *
role_of(const struct child *c)
{
    return c->settings.is_deliver ? &courier_deliver : &courier_oauth;
}

static enum err
start(struct child *c, struct buf *problem)
{
    if (c->settings.is_deliver)
        log_open("deliver", c->settings.index,
                 (enum log_level)c->settings.log_level);
    return role_of(c)->start(c, problem);
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    return role_of(c)->confine(c, out, problem);
}

static void
run(struct child *c)
{
    role_of(c)->run(c);
}

static void
drain(struct child *c, bool is_brief)
{
    role_of(c)->drain(c, is_brief);
}

static void
orphaned(struct child *c)
{
    role_of(c)->orphaned(c);
}

int
main(void)
{
    static const struct child_role role = {
        .name = "courier",
        .n_secrets = COURIER_SECRETS,
        .start = start,
        .confine = confine,
        .run = run,
        .drain = drain,
        .orphaned = orphaned,
    };
    return child_main(&role);
}
