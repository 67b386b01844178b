#include "emulator/crm.h"

#include <stdlib.h>

void
crm_free(struct crm *crm)
{
    free(crm);
}
