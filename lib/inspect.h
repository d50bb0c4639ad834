/* Who holds a lock file and who waits for it. */
#ifndef INSPECT_H
#define INSPECT_H

#include "names.h"

struct lf_report;

/* As lf_inspect(). */
int inspect(const char *path, struct lf_report **);

#endif
