#ifndef TEST_CONFIG_FILE_H
#define TEST_CONFIG_FILE_H

#include "parent/config.h"

/*
 * A configuration file in a directory of its own, for the tests of
 * parent/config.
 */
struct config_file {
    struct arena *arena;
    char folder[64];
    char path[96];
    struct config config;
    struct config_problems problems;
};

void config_file_open(struct config_file *f);
void config_file_close(struct config_file *f);
/* Writes this text and loads it. */
enum err config_file_load(struct config_file *f, const char *text);
/* Is there a problem in that line whose text has these words in it? */
bool config_file_has_problem(const struct config_file *f, unsigned line,
                             const char *words);
/* All problems, for the message of a test that failed. */
void config_file_print(const struct config_file *f);

#endif
