#ifndef KEEPER_TURN_INT_H
#define KEEPER_TURN_INT_H

/* For audit.c alone, which adds its rows when a turn closes. */
struct turn;
struct rows;

struct rows *turn_rows(struct turn *t);

#endif
