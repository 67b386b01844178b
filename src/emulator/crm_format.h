#ifndef EMULATOR_CRM_FORMAT_H
#define EMULATOR_CRM_FORMAT_H

#include "base/arena.h"
#include "emulator/crm_types.h"

/*
 * Values of properties: texts that may stand for numbers and times.
 */

/* A number, or a time in milliseconds (given as such, as a date or as an
 * RFC 3339 time in UTC).  False for everything else. */
bool crm_format_number(enum crm_format format, struct str text, double *out);
/* As it is stored: e-mails in lower case, times as RFC 3339. */
struct str crm_format_stored(enum crm_format format, struct str text,
                             struct arena *arena);
bool crm_format_is_email(struct str text);
bool crm_format_is_option(const char *options, struct str text);

#endif
