#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

/*
 * A certificate for localhost that signs itself, made anew for each run, as
 * PEM into two open files.
 */
void certificate_make(int chain_fd, int key_fd);

#endif
