#ifndef PARENT_NOTIFY_H
#define PARENT_NOTIFY_H

/*
 * Words to the service manager, by systemd's protocol (sd_notify(3)): a
 * datagram to the socket that $NOTIFY_SOCKET names.  Without one, silence.
 *
 *     notify_open();
 *     notify_ready();
 */

/* Reads the environment and takes it away from what comes after. */
void notify_open(void);
void notify_close(void);

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);

/* How often notify_watchdog is to be called; 0: nobody watches. */
unsigned notify_watchdog_ms(void);

#endif
