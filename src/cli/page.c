#include "cli/page.h"

#include "base/limits.h"
#include "cli/show.h"

/* One page; the cursor becomes that of the next. */
static int
each_of_page(struct admin *a, struct page_list *list, struct buf *cursor,
             page_on_row on_row, void *arg)
{
    json_t *page;
    list->ask.cursor = buf_str(cursor);
    list->ask.limit = PAGE_ROWS;
    if (list->most > 0 && list->most - list->n_rows < PAGE_ROWS)
        list->ask.limit = (uint32_t)(list->most - list->n_rows);
    int status = admin_call(a, list->type, &list->ask, &page);
    if (status != CLI_DONE)
        return status;
    const char *name = answer_rows_name(page);
    if (list->name.n == 0 && name != NULL)
        list->name = admin_keep(a, str_from(name));
    const json_t *rows = answer_rows(page);
    for (size_t i = 0; status == CLI_DONE && i < json_array_size(rows) &&
                       (list->most == 0 || list->n_rows < list->most);
         i++) {
        status = on_row(json_array_get(rows, i), arg);
        list->n_rows++;
    }
    buf_clear(cursor);
    buf_add(cursor, answer_next(page));
    json_decref(page);
    return status;
}

int
page_each(struct admin *a, struct page_list *list, page_on_row on_row,
          void *arg)
{
    struct buf auto_buf cursor = {0};
    int status;
    buf_init(&cursor, LIMIT_FRAME);
    do
        status = each_of_page(a, list, &cursor, on_row, arg);
    while (status == CLI_DONE && cursor.n > 0 &&
           (list->most == 0 || list->n_rows < list->most));
    return status;
}

static int
keep_row(const json_t *row, void *arg)
{
    json_t *all = arg;
    return json_array_append(all, (json_t *)(uintptr_t)row) == 0 ? CLI_DONE
                                                                 : CLI_FAILED;
}

int
page_show(struct cli *cli, struct admin *a, struct page_list *list)
{
    json_t *all = json_array();
    int status = page_each(a, list, keep_row, all);
    if (status == CLI_DONE && cli->is_json) {
        json_t *answer =
            json_pack("{sO}", list->name.n > 0 ? list->name.p : "rows", all);
        status = show_answer(cli, answer);
        json_decref(answer);
    } else if (status == CLI_DONE && json_array_size(all) == 0) {
        cli_note("None.");
    } else if (status == CLI_DONE) {
        status = show_answer(cli, all);
    }
    json_decref(all);
    return status;
}
