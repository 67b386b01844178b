#ifndef EMULATOR_CRM_H
#define EMULATOR_CRM_H

struct crm;

/* The CRM of one account. */
void crm_free(struct crm *crm);

#endif
