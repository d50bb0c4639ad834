#include "config.h"

#include "table.h"

#include "message.h"

#include <stddef.h>

const char table_help[] =
	"  Built without libsmartcols: there are no tables and no JSON.\n";

void table_begin(const struct table_style *style)
{
	(void)style;
	refuse(NULL, "built without libsmartcols: --list, --json, --output, "
		     "--noheadings and --raw are not to be had");
}

void table_print(const struct files *files)
{
	(void)files;
}
