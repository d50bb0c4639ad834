/*
 * One who does with a lock what he is told, in a process or a thread of his own:
 * so a test can say in which order what happens.
 */
#ifndef TESTS_ACTOR_H
#define TESTS_ACTOR_H

#include <stdbool.h>
#include <sys/types.h>

enum act { ACQUIRE, START, FINISH, CONVERT, RELEASE, END };

struct actor;

struct actor *actor_process(void);
struct actor *actor_thread(void);
pid_t actor_pid(const struct actor *);

/* Tells him; the answer is what the function of the library returned. */
void tell(struct actor *, enum act, int timeout_ms, unsigned flags);
int answer(struct actor *);
int ask(struct actor *, enum act, int timeout_ms, unsigned flags);

/* He leaves the stage, without releasing; frees.  0, or how he died. */
int actor_end(struct actor *);

#endif
