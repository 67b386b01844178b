#include "parent/nearest.h"

#define LONGEST 64

static size_t
least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* One row of the table of distances from a[0..i] to each beginning of b. */
static void
next_row(struct str a, struct str b, size_t i,
         size_t rows[static 3][LONGEST + 1])
{
    const size_t *before = rows[0], *last = rows[1];
    size_t *row = rows[2];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
        bool is_same = a.p[i - 1] == b.p[j - 1];
        row[j] = least_of(last[j] + 1, row[j - 1] + 1,
                          last[j - 1] + (is_same ? 0 : 1));
        if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
            a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < row[j])
            row[j] = before[j - 2] + 1;
    }
}

size_t
edit_distance(struct str a, struct str b)
{
    size_t rows[3][LONGEST + 1] = {{0}};
    if (a.n > LONGEST || b.n > LONGEST)
        return a.n + b.n;
    for (size_t j = 0; j <= b.n; j++)
        rows[1][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        next_row(a, b, i, rows);
        memcpy(rows[0], rows[1], sizeof(rows[0]));
        memcpy(rows[1], rows[2], sizeof(rows[0]));
    }
    return rows[1][b.n];
}

const char *
nearest(struct str text, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t least = text.n / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(text, str_from(names[i]));
        if (distance < least) {
            least = distance;
            best = names[i];
        }
    }
    return best;
}
