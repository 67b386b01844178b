#ifndef FRONT_INSTALL_H
#define FRONT_INSTALL_H

#include "front/visit.h"

/*
 * The two visits of an install: the browser leaves for HubSpot, and comes
 * back.  What they mean is the keeper's to say; here they become a redirect,
 * a page and cookies.
 */

/* GET /connect/{app}?session=... */
void do_connect(struct visit *v);
/* GET /oauth/{app}/callback */
void do_callback(struct visit *v);

#endif
