#include "keeper/store_sqlite_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/*
 * What SQLite by itself makes of the rows that webhooks left behind: reads
 * them out of a database, and inserts the same rows into a new one, with the
 * same tables and settings and in so many commits.
 *
 *     bench-insert DATABASE NEW_DATABASE COMMITS
 *
 * Prints one line of JSON.  Reading is not timed.
 */
#define CHECKPOINT_PAGES 1000 /* as store_sqlite.c has it */

static const enum store_table tables[] = {STORE_EVENTS, STORE_BODIES,
                                          STORE_QUEUE, STORE_SEEN};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

struct rows {
    sqlite3_value **v; /* five columns a row */
    size_t n, max;
};

static void
stop(const char *what, sqlite3 *db)
{
    (void)fprintf(stderr, "%s: %s\n", what,
                  db != NULL ? sqlite3_errmsg(db) : "failed");
    exit(1);
}

static void
check(int rc, const char *what, sqlite3 *db)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
        stop(what, db);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *format, enum store_table table)
{
    sqlite3_stmt *st;
    char sql[160];
    (void)snprintf(sql, sizeof(sql), format,
                   store_table_names[table]); /* short */
    check(sqlite3_prepare_v2(db, sql, -1, &st, NULL), sql, db);
    return st;
}

/* In the order in which they were stored: keys begin with the time. */
static void
read_all(sqlite3 *db, enum store_table table, struct rows *out)
{
    sqlite3_stmt *st = prepare(
        db, "SELECT key, version, due, tag, body FROM %s ORDER BY key", table);
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (out->n == out->max) {
            out->max = out->max > 0 ? out->max * 2 : 1024;
            out->v = realloc(out->v, out->max * 5 * sizeof(*out->v));
            if (out->v == NULL)
                stop("memory", NULL);
        }
        for (int i = 0; i < 5; i++)
            out->v[out->n * 5 + (size_t)i] =
                sqlite3_value_dup(sqlite3_column_value(st, i));
        out->n++;
    }
    check(sqlite3_finalize(st), "read", db);
}

static void
insert(sqlite3 *db, sqlite3_stmt *st, const struct rows *rows, size_t row)
{
    for (int i = 0; i < 5; i++)
        check(sqlite3_bind_value(st, i + 1, rows->v[row * 5 + (size_t)i]),
              "bind", db);
    check(sqlite3_step(st), "insert", db);
    check(sqlite3_reset(st), "insert", db);
}

/* Each commit has its part of every table. */
static void
insert_all(sqlite3 *db, const struct rows rows[static TABLES],
           uint64_t n_commits)
{
    sqlite3_stmt *st[TABLES];
    size_t at[TABLES] = {0};
    for (size_t t = 0; t < TABLES; t++)
        st[t] = prepare(db,
                        "INSERT INTO %s(key, version, due, tag, body)"
                        " VALUES(?1, ?2, ?3, ?4, ?5)",
                        tables[t]);
    for (uint64_t c = 1; c <= n_commits; c++) {
        check(database_exec(db, "BEGIN IMMEDIATE"), "begin", db);
        for (size_t t = 0; t < TABLES; t++)
            while (at[t] < rows[t].n * c / n_commits)
                insert(db, st[t], &rows[t], at[t]++);
        check(database_exec(db, "COMMIT"), "commit", db);
    }
    for (size_t t = 0; t < TABLES; t++)
        check(sqlite3_finalize(st[t]), "insert", db);
}

static double
seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); /* both clocks are always there */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static sqlite3 *
open_or_stop(const char *path)
{
    struct buf auto_buf problem;
    sqlite3 *db;
    buf_init(&problem, 4096);
    if (database_open(path, &db, &problem) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", buf_text(&problem));
        exit(1);
    }
    return db;
}

int
main(int argc, char **argv)
{
    struct rows rows[TABLES] = {0};
    size_t n = 0;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: see test/bench/insert.c\n");
        return 2;
    }
    uint64_t n_commits = strtoul(argv[3], NULL, 10);
    sqlite3 *from = open_or_stop(argv[1]);
    for (size_t t = 0; t < TABLES; t++) {
        read_all(from, tables[t], &rows[t]);
        n += rows[t].n;
    }
    check(sqlite3_close(from), "close", NULL);
    FILE *made = fopen(argv[2], "wxe");
    if (made == NULL || fclose(made) != 0 || n_commits == 0)
        stop(argv[2], NULL);
    sqlite3 *to = open_or_stop(argv[2]);
    check(database_exec(to, "PRAGMA journal_mode = WAL"), "WAL", to);
    check(schema_migrate(to, schema_newest), "schema", to);
    check(sqlite3_wal_autocheckpoint(to, CHECKPOINT_PAGES), "WAL", to);
    double wall = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    insert_all(to, rows, n_commits);
    (void)printf("{\"rows\":%zu,\"commits\":%" PRIu64
                 ",\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
                 n, n_commits, seconds(CLOCK_MONOTONIC) - wall,
                 seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0; /* what it has read goes with it */
}
