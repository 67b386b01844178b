#ifndef EMULATOR_CRM_SEED_H
#define EMULATOR_CRM_SEED_H

#include "emulator/crm.h"

/*
 * The records that an account has from the start: eight contacts, four
 * companies, four deals, connected.  The same for the same seed.
 */
void crm_seed(struct crm *crm, uint64_t seed, struct str domain);

#endif
