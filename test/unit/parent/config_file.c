#define _GNU_SOURCE
#include "config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
config_file_open(struct config_file *f)
{
    memset(f, 0, sizeof(*f));
    f->arena = arena_new();
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/portkeep-config-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        abort();
    (void)snprintf(f->path, sizeof(f->path), "%s/portkeep.conf", f->folder);
}

void
config_file_close(struct config_file *f)
{
    (void)unlink(f->path); /* may never have been written */
    (void)rmdir(f->folder);
    arena_free(f->arena);
}

enum err
config_file_load(struct config_file *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
    return config_load(f->arena, f->path, &f->config, &f->problems);
}

bool
config_file_has_problem(const struct config_file *f, unsigned line,
                        const char *words)
{
    for (size_t i = 0; i < f->problems.n; i++) {
        const struct config_problem *p = &f->problems.v[i];
        if (p->line == line &&
            memmem(p->text.p, p->text.n, words, strlen(words)) != NULL)
            return true;
    }
    return false;
}

void
config_file_print(const struct config_file *f)
{
    for (size_t i = 0; i < f->problems.n; i++) {
        struct buf auto_buf line = {0};
        buf_init(&line, 4096);
        config_problem_add_text(&f->problems, i, &line);
        (void)fprintf(stderr, "# %s\n", buf_text(&line));
    }
}
