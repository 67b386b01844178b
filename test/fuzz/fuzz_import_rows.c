#define _GNU_SOURCE
#include "cli/rows.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The reader of files that other systems exported.  Every file comes to an
 * end, a row that is taken has a token, and a refusal says why.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum err
take_row(struct rows *rows, struct buf *problem)
{
    struct row row = {0};
    buf_clear(problem);
    enum err e = rows_next(rows, &row, problem);
    if (e == ERR_OK)
        assert(row.refresh_token.s.n > 0);
    if (e == ERR_INVALID || e == ERR_SYNTAX)
        assert(problem->n > 0);
    return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rows rows;
    struct buf auto_buf problem = {0};
    enum err e = ERR_OK;
    size_t n_rows = 0;
    if (n == 0)
        return 0;
    FILE *file = fmemopen((void *)(uintptr_t)data, n, "r");
    if (file == NULL)
        abort();
    buf_init(&problem, 4096);
    rows_open(&rows, file);
    while (e != ERR_CLOSED && e != ERR_SYNTAX) {
        e = take_row(&rows, &problem);
        assert(n_rows++ <= n + 1); /* each takes a byte at least */
    }
    rows_close(&rows);
    (void)fclose(file);
    return 0;
}
