#include "parent/parent.h"

#include <string.h>

/* The service by itself, without the command line: CONFIG [--no-sandbox] */
int
main(int argc, char **argv)
{
    struct parent_setup setup = {.config_path = argc > 1 ? argv[1] : ""};
    if (argc > 2 && strcmp(argv[2], "--no-sandbox") == 0)
        setup.is_unsandboxed = true;
    return parent_serve(&setup);
}
