/* SPDX-License-Identifier: 0BSD */
/* No tables and no JSON: libsmartcols is missing. */
#include "config.h"

#include "check.h"

const char table_help[] =
	"  Built without libsmartcols: tables and JSON are not available.\n";

void table_begin(const struct table_style *style)
{
	(void)style;
	usage_error("--list, --json, --output, --noheadings and --raw need "
		    "libsmartcols, without which this lf-check was built");
}

void fs_table_begin(void)
{
	usage_error("--json needs libsmartcols, without which this lf-check was "
		    "built");
}

void fs_table_add(const char *path, const struct lf_fs *fs)
{
	(void)path, (void)fs;
}

void fs_table_print(void)
{
}

void table_print(const struct files *files)
{
	(void)files;
}
