/* The output of --pid. */
#ifndef PIDS_H
#define PIDS_H

struct files;

/* Who holds any of them, each once, one a line. */
void print_pids(const struct files *);

#endif
