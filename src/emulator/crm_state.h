#ifndef EMULATOR_CRM_STATE_H
#define EMULATOR_CRM_STATE_H

#include "base/doc.h"
#include "emulator/crm.h"

#include <jansson.h>

/* A CRM as JSON, for the file of the state, and back. */
void crm_state_add(const struct crm *crm, struct doc *d);
/* NULL if it is none. */
struct crm *crm_state_load(const json_t *json);

#endif
