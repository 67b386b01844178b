#ifndef HUBSPOT_CATALOGUE_INT_H
#define HUBSPOT_CATALOGUE_INT_H

#include "hubspot/catalogue.h"

/* The rows of the catalogue, sorted by name, for the functions on them. */
extern const struct catalogue_scope catalogue_rows[];
extern const size_t n_catalogue_rows;

#endif
