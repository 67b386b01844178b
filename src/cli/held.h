#ifndef CLI_HELD_H
#define CLI_HELD_H

#include "cli/admin.h"

/*
 * Everything held about one account, for an access request: one JSON
 * document, written as it comes, however much it is.
 *
 *     {the grant's members..., "events": [...], "parked": [...],
 *      "receipts": [...], "audit": [...]}
 */
int held_print(struct cli *cli, struct admin *a, struct str app,
               uint64_t portal);

#endif
