#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

/*
 * One line per event on standard error:
 *
 *     2026-11-24T15:30:00.123Z keeper/0 info grant.connected app=crm portal=7
 *
 *     log_info("grant.connected", "app=%s portal=%" PRIu64, app, portal);
 *
 * Levels: error (a human must act), warn, info, debug.  Never tokens, codes,
 * secrets or bodies; text from outside goes through log_quote first.
 */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* role is kept, not copied. */
void log_open(const char *role, unsigned index, enum log_level least);

void log_write(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_write(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_write(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_DEBUG, event, __VA_ARGS__)

/*
 * Text from outside, in quotes, at most 80 bytes of it, with everything but
 * plain ASCII replaced.  Good until eight more calls.
 */
const char *log_quote(struct str text);

/* False if the name is none of error, warn, info, debug. */
bool log_level_parse(struct str name, enum log_level *out);

#endif
