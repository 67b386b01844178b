#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/cli.h"

#include <jansson.h>

/*
 * Any JSON document as text for people: an object as `key: value` lines, an
 * array of objects as a table, what is nested below indented.
 *
 *     show_add(&out, json, "app portal state");
 *
 * `columns` picks and orders a table's columns; those that no row has are
 * left out.  NULL takes the members of the first row as they come.  Bytes
 * that a terminal would obey are shown as question marks.
 */
void show_add(struct buf *out, const json_t *json, const char *columns);
/* One value on one line. */
void show_add_value(struct buf *out, const json_t *json);

/* As one line of JSON. */
void show_add_json(struct buf *out, const json_t *json);

/* Prints an answer: with --json as it is, else as above with the columns of
 * the verb.  Returns an exit status. */
int show_answer(const struct cli *cli, const json_t *json);
/* The same for a document that was written here. */
int show_document(const struct cli *cli, struct str text);

#endif
