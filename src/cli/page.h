#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/admin.h"

/*
 * Lists that come from the keeper a page at a time.
 *
 *     struct page_list list = {.type = ADMIN_PORTALS_LIST};
 *     status = page_show(cli, admin, &list);
 */
#define PAGE_ROWS 500

struct page_list {
    enum admin_type type;
    struct admin_page ask; /* app, ref, with_tokens; the rest is set here */
    uint64_t most;         /* rows; 0: all */
    uint64_t n_rows;       /* that came */
    struct str name;       /* of the rows in the answers: "portals" */
};

/* All pages as one table or, with --json, as {"items": [...]}. */
int page_show(struct cli *cli, struct admin *a, struct page_list *list);

/* Calls on_row for each row until one returns another status than CLI_DONE,
 * which is returned then. */
typedef int (*page_on_row)(const json_t *row, void *arg);
int page_each(struct admin *a, struct page_list *list, page_on_row on_row,
              void *arg);

#endif
