#ifndef EMULATOR_CRM_OBJECTS_H
#define EMULATOR_CRM_OBJECTS_H

#include "emulator/crm_input.h"

/* One record at a time, and the list of them. */
void do_list(struct call *c);
void do_create(struct call *c);
void do_read(struct call *c);
void do_update(struct call *c);
void do_archive(struct call *c);
void do_gdpr_delete(struct call *c);

/* For batches too.  NULL: *out_error says why, and nothing was changed. */
struct record *crm_create_from(struct call *c, const struct crm_type *type,
                               const json_t *input,
                               struct crm_error *out_error);
struct record *crm_update_from(struct call *c, const struct crm_type *type,
                               struct record *r, const json_t *input,
                               struct crm_error *out_error);
/* Archives, unless it is archived already. */
void crm_delete(struct call *c, struct record *r);
/* For good: a privacy deletion.  r is gone when this returns. */
void crm_erase(struct call *c, struct crm *crm, struct record *r);

#endif
