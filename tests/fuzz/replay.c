/* SPDX-License-Identifier: 0BSD */
/* A target of the fuzzer, without a fuzzer: each file of its corpus in turn. */
#include "config.h"

#include "target.h"

#include <dirent.h>

#define FILE_SIZE 65536

static void replay(const char *directory, const char *name)
{
	static uint8_t data[FILE_SIZE];
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	if (!file) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

int main(void)
{
	const char *srcdir = getenv("srcdir");
	struct dirent *entry;
	char directory[512];
	int count = 0;
	DIR *corpus;

	snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s",
		 srcdir ? srcdir : ".", target_name);
	corpus = opendir(directory);
	if (!corpus) {
		perror(directory);
		return 1;
	}
	while ((entry = readdir(corpus)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		replay(directory, entry->d_name);
		printf("ok %d - %s\n", ++count, entry->d_name);
	}
	closedir(corpus);
	printf("1..%d\n", count);
	return count == 0;
}
