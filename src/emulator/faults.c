#include "emulator/faults.h"

#include "emulator/own.h"

#include <stdlib.h>

static const struct str names[] = {
    [FAULT_REFUSE] = {"refuse", 6},     [FAULT_DELAY] = {"delay", 5},
    [FAULT_DROP] = {"drop", 4},         [FAULT_DROP_AFTER] = {"drop_after", 10},
    [FAULT_STATUS] = {"status", 6},     [FAULT_GARBAGE] = {"garbage", 7},
    [FAULT_TRUNCATE] = {"truncate", 8}, [FAULT_HTML] = {"html", 4},
};

bool
fault_kind_find(struct str name, enum fault_kind *out)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_equal(name, names[i])) {
            *out = (enum fault_kind)i;
            return true;
        }
    }
    return false;
}

const char *
fault_kind_name(enum fault_kind kind)
{
    return names[kind].p;
}

static void
fault_free(struct fault *f)
{
    own_drop(&f->method);
    own_drop(&f->path);
    own_drop(&f->type);
    own_drop(&f->body);
    free(f);
}

void
faults_done(struct faults *all)
{
    for (size_t i = 0; i < all->n; i++)
        fault_free(all->v[i]);
    free(all->v);
    *all = (struct faults){0};
}

void
faults_add(struct faults *all, const struct fault *model)
{
    struct fault *f = own_alloc(sizeof(*f));
    *f = *model;
    f->n_seen = 0;
    f->method = own_text(model->method);
    f->path = own_text(model->path);
    f->type = own_text(model->type);
    f->body = own_text(model->body);
    all->v = own_room(all->v, all->n, &all->room, sizeof(struct fault *));
    all->v[all->n++] = f;
}

static bool
covers(struct str pattern, struct str path)
{
    if (str_ends(pattern, STR("*")))
        return str_starts(path, str_of(pattern.p, pattern.n - 1));
    return str_equal(pattern, path);
}

static bool
is_meant(const struct fault *f, const struct fault_call *call)
{
    if (f->method.n > 0 && !str_equal(f->method, call->method))
        return false;
    return covers(f->path, call->path) || covers(f->path, call->name);
}

static bool
is_over(const struct fault *f)
{
    return f->times > 0 && f->n_seen >= f->nth - 1 + f->times;
}

static const struct fault *
copy_of(const struct fault *f, struct arena *arena)
{
    struct fault *copy = arena_alloc(arena, sizeof(*copy));
    *copy = *f;
    copy->method = arena_copy(arena, f->method);
    copy->path = arena_copy(arena, f->path);
    copy->type = arena_copy(arena, f->type);
    if (f->body.p != NULL)
        copy->body = arena_copy(arena, f->body);
    return copy;
}

const struct fault *
faults_take(struct faults *all, const struct fault_call *call,
            struct arena *arena)
{
    const struct fault *hit = NULL;
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct fault *f = all->v[i];
        if (is_meant(f, call)) {
            f->n_seen++;
            if (hit == NULL && f->n_seen >= f->nth)
                hit = copy_of(f, arena);
        }
        if (is_over(f))
            fault_free(f);
        else
            all->v[n++] = f;
    }
    all->n = n;
    return hit;
}
