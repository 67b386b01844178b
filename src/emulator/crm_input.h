#ifndef EMULATOR_CRM_INPUT_H
#define EMULATOR_CRM_INPUT_H

#include "base/doc.h"
#include "emulator/call.h"
#include "emulator/crm.h"

/*
 * What a caller wants written or found, checked as HubSpot checks it.  The
 * same for single calls, where an error is the answer, and for batches,
 * where it is one of many.
 *
 *     struct crm_error e = {0};
 *     if (!crm_input_values(c, type, input, &values, &e))
 *         crm_error_answer(c, &e);
 */
struct crm_value_error {
    struct str property, code, message;
};

struct crm_error {
    unsigned status;
    struct str category;
    struct str message;
    const char *about; /* a key for the context; NULL: none */
    struct str about_value;
    struct crm_value_error *values; /* of VALIDATION_ERROR; in the arena */
    size_t n_values;
};

/* The CRM of the caller's account, the type that the path names. */
struct crm *crm_of_call(struct call *c);
const struct crm_type *crm_type_of_call(struct call *c);

/* input["properties"].  False: *out_error says why. */
bool crm_input_values(struct call *c, const struct crm_type *type,
                      const json_t *input, struct crm_values *out,
                      struct crm_error *out_error);
/* Would these values of unique properties collide with another record? */
bool crm_input_conflicts(struct call *c, const struct crm_type *type,
                         const struct crm_values *values,
                         const struct record *self,
                         struct crm_error *out_error);
/*
 * The record of an id, or of a value of the unique property id_property (p
 * NULL: by id).  An archived one counts only where is_archived_fine.
 */
struct record *crm_input_record(struct call *c, const struct crm_type *type,
                                struct str id, struct str id_property,
                                bool is_archived_fine,
                                struct crm_error *out_error);

void crm_error_answer(struct call *c, const struct crm_error *e);
/* As an element of a batch's errors. */
void crm_error_add(const struct crm_error *e, struct doc *d);
/* An error of one sentence. */
struct crm_error crm_error_of(unsigned status, struct str category,
                              struct str message);

#endif
