#include "cli/run.h"
#include "cli/setup.h"
#include "parent/parent.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <unistd.h>

/* The verbs that become something else: the service, the emulator. */

int
do_serve(struct cli *cli)
{
    bool is_unsandboxed = cli_flag(cli, "no-sandbox");
    if (is_unsandboxed && !sandbox_may_be_off())
        return cli_usage(cli, "this build never runs without its sandbox");
    return parent_serve(&(struct parent_setup){
        .config_path = setup_path(cli), .is_unsandboxed = is_unsandboxed});
}

int
do_emulator(struct cli *cli)
{
    struct str program = setup_sibling(cli, "portkeep-emulator");
    char **argv = arena_alloc(cli->arena, (cli->n_args + 2) * sizeof(char *));
    argv[0] = arena_alloc(cli->arena, program.n + 1);
    memcpy(argv[0], program.p, program.n);
    for (size_t i = 0; i < cli->n_args; i++)
        argv[i + 1] = cli->args[i];
    (void)execv(argv[0], argv); /* returns only when it failed */
    return cli_fail(cli, "cannot start %s: %s", argv[0], strerror(errno));
}
