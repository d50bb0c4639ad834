/* SPDX-License-Identifier: 0BSD */
/* Commands that are measured as a whole. */
#include "config.h"

#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char missing[400];

static void add_missing(const char *name)
{
	size_t used = strlen(missing);

	if (!strstr(missing, name))
		snprintf(missing + used, sizeof(missing) - used, "%s%s",
			 used > 0 ? ", " : "", name);
}

void report_missing(void)
{
	if (missing[0] != '\0')
		printf("\nNot compared, as they are not here: %s\n", missing);
}

const char *find_program(const char *name)
{
	static char found[400];
	char *all = strdup(getenv("PATH")), *rest = all, *directory;

	while ((directory = strsep(&rest, ":"))) {
		snprintf(found, sizeof(found), "%s/%s", directory, name);
		if (access(found, X_OK) == 0)
			break;
	}
	free(all);
	if (!directory)
		add_missing(name);
	return directory ? found : NULL;
}

/* Other programs leave a file that dotlockfile would wait for. */
static char *file_for(const char *words, const char *file)
{
	char own[300];

	snprintf(own, sizeof(own), "%s%s", file,
		 strncmp(words, "dot", 3) == 0 ? ".dot" : "");
	return strdup(own);
}

bool make_command(struct command *command, const char *words,
		  const char *file)
{
	char *rest = command->text, *word;
	const char *program;
	int count = 0;

	command->name = words;
	snprintf(command->text, sizeof(command->text), "%s", words);
	memset(command->words, 0, sizeof(command->words));
	while ((word = strsep(&rest, " ")) && count < MOST_WORDS - 1)
		command->words[count++] =
			strcmp(word, "L") == 0 ? file_for(words, file) :
						 word;
	program = command->words[0];
	if (!strchr(program, '/'))
		program = find_program(program);
	if (!program || access(program, X_OK) < 0)
		return false;
	command->words[0] = strdup(program);
	return true;
}

pid_t start_command(struct command *command, char *const *environment)
{
	posix_spawn_file_actions_t silent;
	pid_t pid;

	posix_spawn_file_actions_init(&silent);
	posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&silent, 2, "/dev/null", O_WRONLY, 0);
	must(posix_spawn(&pid, command->words[0], &silent, NULL, command->words,
			 environment) == 0,
	     command->name);
	posix_spawn_file_actions_destroy(&silent);
	return pid;
}

struct cost cost_of(struct command *command, char *const *environment, int runs)
{
	double wall = now(), cpu = cpu_of_children();
	long faults = faults_of_children();
	int status;

	for (int i = 0; i < runs; i++) {
		pid_t pid = start_command(command, environment);

		must(waitpid(pid, &status, 0) == pid, "waitpid");
	}
	return (struct cost){ (now() - wall) / runs,
			      (cpu_of_children() - cpu) / runs,
			      (double)(faults_of_children() - faults) / runs };
}
