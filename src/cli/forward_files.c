#define _GNU_SOURCE
#include "cli/forward.h"

#include "base/text.h"
#include "cli/events.h"
#include "hubspot/standard_webhooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* The files of `events forward`: its secrets, and how far it came. */

/* The secret that is the one line of a file. */
int
forward_read_secret(const struct cli *cli, const char *path, struct buf *out)
{
    char text[LIMIT_SECRET_FILE];
    auto_wipe(text);
    struct hidden line;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (n < 0)
        (void)cli_fail(cli, "cannot read %s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    if (n < 0)
        return CLI_FAILED;
    enum err e = secret_line(HIDDEN(str_of(text, (size_t)n)), &line);
    if (e != ERR_OK)
        return cli_fail(cli, "%s: %s", path, secret_line_problem(e));
    buf_add(out, line.s);
    return CLI_DONE;
}

int
forward_read_key(struct forward *f, const char *path)
{
    struct buf auto_buf text = {0};
    buf_init_secret(&text, LIMIT_SECRET_FILE);
    int status = forward_read_secret(f->cli, path, &text);
    if (status == CLI_DONE &&
        webhook_key_decode(HIDDEN(buf_str(&text)), &f->secret) != ERR_OK)
        status = cli_fail(f->cli,
                          "%s: no secret of Standard Webhooks, which is "
                          "whsec_ and 24 to 64 bytes in base64",
                          path);
    return status;
}

/* What the file says, if there is one. */
int
forward_read_state(struct forward *f)
{
    char text[EVENTS_CURSOR_MAX];
    if (f->state_file == NULL)
        return CLI_DONE;
    int fd = open(f->state_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return CLI_DONE;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    if (n < 0)
        return cli_fail(f->cli, "cannot read %s: %s", f->state_file,
                        strerror(errno));
    struct str rest = str_of(text, (size_t)n), line = STR_NONE;
    (void)str_cut(&rest, '\n', &line); /* empty: from the oldest */
    if (!text_is_clean(line))
        return cli_fail(f->cli, "%s was not written by this verb",
                        f->state_file);
    buf_clear(&f->cursor);
    buf_add(&f->cursor, line);
    return CLI_DONE;
}

/* A new file in the old one's place, so that there is a whole one always. */
int
forward_write_state(struct forward *f)
{
    struct buf auto_buf name = {0};
    if (f->state_file == NULL)
        return CLI_DONE;
    buf_init(&name, LIMIT_URL);
    buf_addf(&name, "%s.new", f->state_file);
    FILE *file = fopen(buf_text(&name), "we");
    bool is_good =
        file != NULL && fprintf(file, "%s\n", buf_text(&f->cursor)) > 0;
    if (file != NULL && fclose(file) != 0)
        is_good = false;
    if (!is_good || rename(buf_text(&name), f->state_file) != 0)
        return cli_fail(f->cli, "cannot write %s: %s", f->state_file,
                        strerror(errno));
    return CLI_DONE;
}
