/* SPDX-License-Identifier: 0BSD */
/*
 * adopt.pml - lf_adopt (lib/adopt.c) as a Spin model
 *
 * A parent acquires the lock, forks, and its child adopts it.  The body belongs to the
 * description, which both have; the tag is the parent's until it closes the file.  A
 * thread of the child waits for the tag.  Others wait for the lock.  The file is kept;
 * what is removed, and when, is the matter of lockfile.pml.
 *
 * Either may be killed at any moment, also with the others in the queue.  The lock of a
 * killed adopter lasts until the parent closes the file; that of a killed parent goes to
 * the child, if it adopts the lock then.
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
bool parent_holds, child_holds;
byte here;                      /* that have not left */
bool child_is_here, waits, cancelled, all_left;
bool killed[2];                 /* from outside */

bool EXCLUSION = true, TAG = true, CLEAN = true;

#define claim(name, condition)  name = (condition); assert(name)

#if defined SCENARIO_ADOPT_KILL || defined SCENARIO_ADOPT_KILL_THREE
#define may_be_killed(process, end)  unless { killed[process] -> end }
#else
#define may_be_killed(process, end)
#endif
/* The parent comes twice, and waiters any number of times. */
#ifdef SCENARIO_ADOPT_AGAIN
#define AGAIN     true
#else
#define AGAIN     false
#endif

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

/* The kernel drops the tag first. */
inline end_of_parent()
{
	d_step {
		holders = holders - parent_holds;
		parent_holds = false;
		if
		:: tag == PARENT -> tag = NOBODY
		:: else
		fi
	};
	if
	:: is_open -> close_lent(PARENT)
	:: else
	fi
}

/*
 * The file of the child is open as long as it has not ended.
 * rule: parent-closes
 */
proctype parent()
{
	bool is_open, again;

	{
		do
		:: d_step { tag == NOBODY -> tag = PARENT };
		   d_step {
			body == NOBODY ->
			body = LENT;
			copies = 1;
			is_open = true;
			parent_holds = true;
			holders++;
			claim(EXCLUSION, holders == 1)
		   };
		   atomic {
			copies++;
			child_is_here = true;
			here++;
			run child()
		   };
		   if
		   :: adopted
		   :: !child_is_here       /* collected */
		   fi;
		   /* lf_release, or the end of the process. */
#ifdef MUTANT_PARENT_UNLOCKS
		   body = NOBODY;
#endif
		   d_step {
			holders = holders - parent_holds;
			parent_holds = false
		   };
		   d_step { close_lent(PARENT); is_open = false };
		   if
		   :: AGAIN && !again ->
			!child_is_here;
			d_step { again = true; adopted = false; cancelled = false }
		   :: break
		   fi
		od
	} may_be_killed(PARENT, end_of_parent());
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

/* The threads of a killed process end before its files are closed. */
inline end_of_child()
{
	d_step {
		holders = holders - child_holds;
		child_holds = false;
		cancelled = true
	};
	!waits;
	d_step {
		if
		:: tag == CHILD -> tag = NOBODY
		:: else
		fi
	}
}

/*
 * It may end without the lock; and the thread may not start.
 * rule: thread-waits, thread-ended
 */
proctype child()
{
	{
		if
		:: skip ->
#ifdef MUTANT_WAITS_ITSELF
			d_step { tag == NOBODY -> tag = CHILD };
#endif
			d_step {
				/* It has the lock from a parent that was killed. */
				holders = holders + !parent_holds;
				parent_holds = false;
				child_holds = true;
				claim(EXCLUSION, body == LENT && holders == 1);
				adopted = true
			};
			if
			:: atomic { waits = true; run tag_wait() }
			:: skip
			fi;
			/* lf_release */
#ifndef MUTANT_THREAD_LEFT
			cancelled = true;
			!waits;
#endif
			d_step {
				claim(EXCLUSION, holders == 1);
				child_holds = false;
				holders--
			};
			d_step {
				if
				:: tag == CHILD -> tag = NOBODY
				:: else
				fi
			};
			body = NOBODY
		:: skip
		fi
	} may_be_killed(CHILD, end_of_child());
	close_lent(CHILD);
	child_is_here = false;
	here--
}

/* At any moment, also when nothing is left to kill. */
proctype killer(byte victim)
{
	killed[victim] = true
}

/* rule: adopted-tag-given-back */
proctype waiter(byte me)
{
	bool got;

	do
	:: d_step { tag == NOBODY -> tag = me };
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
	   got = false;
	   if
	   :: AGAIN
	   :: break
	   fi
	od;
	here--
}

init
{
	atomic {
		here = 3;
		run parent();
#if defined SCENARIO_ADOPT_THREE || defined SCENARIO_ADOPT_KILL_THREE
		here++; run waiter(4);
#endif
#if defined SCENARIO_ADOPT_KILL || defined SCENARIO_ADOPT_KILL_THREE
		run killer(PARENT); run killer(CHILD);
#elif !defined SCENARIO_ADOPT_TWO && !defined SCENARIO_ADOPT_THREE && \
    !defined SCENARIO_ADOPT_AGAIN
#error "name a scenario"
#endif
		run waiter(2); run waiter(3)
	};
	here == 0 ->
	all_left = true;
	claim(CLEAN, tag == NOBODY && body == NOBODY)
}

ltl served { <> all_left }
