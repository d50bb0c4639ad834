/* Who holds a lock file and who waits for it, as the whole system can tell. */
#ifndef INSPECT_H
#define INSPECT_H

#include "names.h"
#include "port/os.h"

struct lf_report;

/*
 * As lf_inspect().  LIST, empty at first and freed by the caller, serves for
 * many files: it is read once, and anew where a file's holder is not in it.
 */
int inspect(const char *path, struct os_lock_list *list, struct lf_report **);

#endif
