#include "cli/demo_int.h"

#include "cli/run.h"
#include "proto/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * `portkeep demo`: the whole life of an app in some seconds.  The script is
 * in play(); each part is a file's.
 */

/* A key with every right of a backend. */
static bool
make_key(struct demo *d)
{
    json_t *answer;
    struct admin_key_create ask = {.name = STR("demo backend"),
                                   .verbs = VERB_TOKEN | VERB_CALL |
                                            VERB_CONNECT | VERB_PORTALS |
                                            VERB_DISCONNECT | VERB_EVENTS};
    bool held =
        admin_call(d->admin, ADMIN_KEY_CREATE, &ask, &answer) == CLI_DONE;
    if (held) {
        buf_add_text(&d->authorization, "Bearer ");
        buf_add(&d->authorization, answer_text(answer, "key"));
        json_decref(answer);
    }
    return demo_check(d, held, -1, "an API key for the app's backend");
}

static bool
play(struct demo *d)
{
    demo_heading(d, "Start");
    if (!demo_open(d) || !make_key(d) || !demo_connect_all(d))
        return false;
    static void (*const parts[])(struct demo *) = {
        demo_show_sealed, demo_show_calls, demo_show_refresh,
        demo_show_events, demo_show_end,   demo_show_uninstall};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!demo_is_interrupted())
            parts[i](d);
    return true;
}

static int
judge(struct demo *d, bool is_whole, int64_t took_us)
{
    if (demo_is_interrupted()) {
        cli_note("Interrupted.");
        return CLI_FAILED;
    }
    if (is_whole && d->n_failed == 0) {
        (void)printf("\nAll %u steps held, in %.1f s.\n", d->n_held,
                     (double)took_us / 1000000);
        return CLI_DONE;
    }
    demo_show_log(d);
    return cli_fail(d->cli, "%u of %u steps did not hold%s", d->n_failed,
                    d->n_held + d->n_failed,
                    is_whole ? "" : ", and the rest could not be shown");
}

int
do_demo(struct cli *cli)
{
    static struct demo d; /* large */
    int64_t began = demo_now_us();
    d.cli = cli;
    d.arena = cli->arena;
    d.is_coloured = isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == NULL;
    buf_init_secret(&d.authorization, 256);
    bool is_whole = play(&d);
    int status = judge(&d, is_whole, demo_now_us() - began);
    if (status == CLI_DONE && !cli_flag(cli, "once"))
        demo_invite(&d);
    demo_close(&d, cli_flag(cli, "keep"));
    if (cli_flag(cli, "keep"))
        cli_note("The demo's folder stays: %s", d.folder);
    buf_done(&d.authorization);
    return status;
}
