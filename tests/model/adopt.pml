/* SPDX-License-Identifier: 0BSD */
/*
 * adopt.pml - lf_adopt (lib/adopt.c) as a Spin model
 *
 * A parent acquires the lock, forks, and its child adopts it.  The body belongs to the
 * description, which both have; the tag is the parent's until it closes the file.  A
 * thread of the child waits for the tag.  Others wait for the lock.  The file is kept;
 * what is removed, and when, is the matter of lockfile.pml.
 *
 *   EXCLUSION   One process holds the lock: the parent until the child has adopted it,
 *               then the child.
 *   TAG         The tag is the parent's, the child's, or of a process that has not been
 *               refused the body since it got the tag.
 *   CLEAN       When all have left, no mark is left.
 *   no deadlock Spin's search for invalid end states.
 *   served      All leave in the end (weak fairness).
 */

#define NOBODY    15
#define PARENT    0             /* owns tags; description LENT */
#define CHILD     1             /* owns tags; description LENT */
#define LENT      0
#define WAITERS   2             /* 2 and above: own both */

byte tag = NOBODY;              /* the process that has byte 0 */
byte body = NOBODY;             /* the description that has the rest */
byte copies;                    /* of LENT */
bool adopted;                   /* the child has said so */
byte holders;                   /* between acquire and release */
byte here;                      /* that have not left */
bool child_is_here, waits, cancelled, all_left;

bool EXCLUSION = true, TAG = true, CLEAN = true;

#define claim(name, condition)  name = (condition); assert(name)

inline close_lent(process)
{
	d_step {
		if
		:: tag == process -> tag = NOBODY
		:: else
		fi;
		copies--;
		if
		:: copies == 0 && body == LENT -> body = NOBODY
		:: else
		fi
	}
}

/* The file of the child is open as long as it has not ended. */
proctype parent()
{
	d_step { tag == NOBODY -> tag = PARENT };
	d_step { body == NOBODY -> body = LENT; holders++; claim(EXCLUSION, holders == 1) };
	d_step { copies = 2; child_is_here = true; here++ };
	run child();
	if
	:: adopted
	:: !child_is_here       /* collected */
	fi;
	/* lf_release, or the end of the process. */
#ifdef MUTANT_PARENT_UNLOCKS
	body = NOBODY;
#endif
	if
	:: !adopted -> holders--
	:: else
	fi;
	close_lent(PARENT);
	here--
}

/* A thread; to cancel it is to wait for its end. */
proctype tag_wait()
{
	if
	:: d_step { tag == NOBODY -> tag = CHILD }
	:: cancelled
	fi;
	waits = false
}

/* It may be killed before, which is to end; and the thread may not start. */
proctype child()
{
	if
	:: skip ->
#ifdef MUTANT_WAITS_ITSELF
		d_step { tag == NOBODY -> tag = CHILD };
#endif
		d_step {
			claim(EXCLUSION, body == LENT && holders == 1);
			adopted = true
		};
		if
		:: waits = true; run tag_wait()
		:: skip
		fi;
		/* lf_release */
#ifndef MUTANT_THREAD_LEFT
		cancelled = true;
		!waits;
#endif
		claim(EXCLUSION, holders == 1);
		holders--;
		d_step {
			if
			:: tag == CHILD -> tag = NOBODY
			:: else
			fi
		};
		body = NOBODY
	:: skip
	fi;
	close_lent(CHILD);
	child_is_here = false;
	here--
}

proctype waiter(byte me)
{
	bool got;

	d_step { tag == NOBODY -> tag = me };
	d_step {
		got = (body == NOBODY);
		if
		:: got -> body = me
		:: else
		fi
	};
	if
	:: !got ->
#ifndef MUTANT_ADOPTED_TAG_KEPT
		tag = NOBODY;
#endif
		claim(TAG, tag != me);
		d_step { body == NOBODY -> body = me };
		d_step {
			if
			:: tag == NOBODY -> tag = me
			:: else
			fi
		}
	:: else
	fi;
	d_step { holders++; claim(EXCLUSION, holders == 1) };
	holders--;
	d_step {
		if
		:: tag == me -> tag = NOBODY
		:: else
		fi
	};
	body = NOBODY;
	here--
}

init
{
	atomic {
		here = 3;
		run parent();
#ifdef SCENARIO_ADOPT_THREE
		here++; run waiter(4);
#endif
#if !defined SCENARIO_ADOPT_TWO && !defined SCENARIO_ADOPT_THREE
#error "name a scenario"
#endif
		run waiter(2); run waiter(3)
	};
	here == 0 ->
	all_left = true;
	claim(CLEAN, tag == NOBODY && body == NOBODY)
}

ltl served { <> all_left }
