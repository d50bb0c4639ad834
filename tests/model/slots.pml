/* SPDX-License-Identifier: 0BSD */
/*
 * slots.pml - lf-acquire --slots (tools/slots.c) as a Spin model
 *
 * LOCKFILE is the queue, LOCKFILE.1 and so on are the slots, and each of them is a
 * lock.  Each caller has its own number of slots, N.  The slots exist from earlier.
 *
 *   MOST        When a COMMAND starts, N run at most, this one included.
 *   FULL        A caller that does not wait is refused only if N slots are held, or if
 *               another waits for one.  Not claimed where a process is killed.
 *   CLEAN       When all have left, no lock is left.
 *   no deadlock Spin's search for invalid end states.  A COMMAND may run for ever: then
 *               another that ends wakes the next caller.
 *   served      All leave in the end (weak fairness).
 *
 * That callers get in in the order of their arrival is a matter of the queue, which is
 * one lock: lockfile.pml has that.  The pause and the bound of a caller that does not
 * wait and finds the queue held play no part: it tries as often as it takes.
 */

#define MOST_SLOTS 3
#define LOCKS      4            /* MOST_SLOTS + 1 */
#define QUEUE      0

#include "locks.pml"

#define NO_WAIT   0
#define WAIT      1
#define TIMED     3             /* may give up its wait at any moment */
#define DAEMON    4             /* its COMMAND may run for ever */
#define TWICE     8             /* comes again */
#define is(what)  ((kind & (what)) == (what))

#ifdef SCENARIO_KILLED
#define KILLED
#endif

byte running;                   /* COMMANDs */
byte ending;                    /* slots that are held a moment longer */
byte waited_for;                /* how many slots are waited for */
byte here;                      /* callers that have not left for good */
bool all_left;
bool killed[4];

bool MOST = true, FULL = true, CLEAN = true;

#define claim(name, condition)  name = (condition); assert(name)

/* Where a process is killed, its locks last until the kernel is done with it. */
#ifdef KILLED
#define refused_with_queue()    skip
#else
#define refused_with_queue()    claim(FULL, were_held >= most)
#endif

#define bit(slot)       (1 << (slot))

/* ---- tools/slots.c ------------------------------------------------------ */

/*
 * With the queue by an attempt, which holds the slot for a moment.  One of a caller
 * with a greater N may be no slot: then lf_check.
 */
inline is_held()
{
	if
	:: has_queue && slot <= most ->
		lock_try(slot);
		if
		:: got -> lock_release(slot); got = false
		:: else -> got = true
		fi
	:: else -> got = lock_is_held(slot)
	fi
}

/* rule: all-slots-count */
#ifdef MUTANT_COUNT_OWN_SLOTS
#define last_counted    most
#else
#define last_counted    MOST_SLOTS
#endif

inline count_held()
{
	atomic { held = 0; count = 0; slot = 1; were_held = running + ending };
	do
	:: slot <= last_counted ->
		is_held();
		d_step {
			if
			:: got -> held = held | bit(slot); count++
			:: else
			fi;
			got = false;
			slot++
		}
	:: else -> break
	od
}

/* The first free slot; another cannot have taken it meanwhile. */
inline take_slot()
{
	count_held();
	atomic { mine = 0; slot = 1 };
	do
	:: count >= most || mine -> break
	:: else ->
		if
		:: held & bit(slot) -> got = false
		:: else ->
			lock_try(slot);
			if
			:: got -> mine = slot
			:: else -> held = held | bit(slot); count++
			fi
		fi;
		d_step { slot++; got = false }
	od
}

inline is_granted(a_slot)
{
	atomic {
		(held & ~granted & bit(a_slot)) && tag[a_slot] == NOBODY &&
		body[a_slot] == NOBODY ->
		tag[a_slot] = me;
		body[a_slot] = me;
		granted = granted | bit(a_slot)
	}
}

/*
 * A wait for each held slot.  When one is granted, all end, also one that is granted
 * at that moment.
 * rule: wait-for-each, granted-given-back
 */
inline wait_for_any()
{
#ifdef MUTANT_WAIT_FOR_FIRST
	held = held & -held;
#endif
	atomic { waits = true; waited_for++; granted = 0 };
	do
	:: is_granted(1)
	:: is_granted(2)
	:: is_granted(3)
	:: granted -> break
	:: is(TIMED) -> gave_up = true; break
	od;
	atomic { waits = false; waited_for--; slot = 1 };
	do
	:: slot <= MOST_SLOTS ->
		if
#ifdef MUTANT_GRANTED_KEPT
		:: (granted & bit(slot)) && !mine && !gave_up && slot <= most ->
			mine = slot
#endif
		:: (granted & bit(slot)) -> lock_release(slot)
		:: else
		fi;
		slot++
	:: else -> break
	od;
	granted = 0
}

/*
 * A caller that waits makes its first attempt without waiting.
 * rule: count-with-queue
 */
inline enter_queue(may_wait)
{
	lock_try(QUEUE);
	do
	:: got -> has_queue = true; break
	:: !got && may_wait -> lock_wait(QUEUE, is(TIMED)); has_queue = got; break
	:: !got && !may_wait && is(WAIT) -> break
	:: !got && !may_wait && !is(WAIT) ->
		/* Without the queue it cannot count: only the head has to be seen. */
#ifdef MUTANT_COUNT_WITHOUT_QUEUE
		count_held();
		if
		:: count >= most ->
			claim(FULL, were_held >= most || waited_for);
			break
		:: count < most && waited_for -> break
		:: count < most && !waited_for
		fi;
#else
		if
		:: waited_for -> break
		:: else
		fi;
#endif
		lock_wait(QUEUE, true)
	od
}

/* rule: slot-with-queue, head-keeps-queue */
inline slots_acquire(may_wait)
{
#ifdef MUTANT_NO_QUEUE
	got = true;
#else
	enter_queue(may_wait);
#endif
	if
	:: got ->
		do
		:: take_slot();
		   if
		   :: mine || !may_wait -> break
		   :: !mine && may_wait ->
#ifdef MUTANT_WAIT_WITHOUT_QUEUE
			lock_release(QUEUE);
			has_queue = false;
#endif
			wait_for_any();
			if
			:: gave_up || mine -> break
			:: else
			fi
		   fi
		od;
		if
		:: mine ->
			atomic {
				running++;
				runs = true;
				claim(MOST, running <= most)
			}
		:: !mine && !is(WAIT) -> refused_with_queue()
		:: else
		fi;
		if
		:: has_queue -> has_queue = false; lock_release(QUEUE)
		:: else
		fi
	:: else
	fi
}

inline run_command()
{
	if
	:: skip
	:: is(DAEMON) -> here--; end_daemon: false
	fi;
	atomic { running--; runs = false; ending++; ends = true };
	lock_release(mine);
	atomic { ending--; ends = false; mine = 0 }
}

proctype caller(byte me; byte most; byte kind)
{
	bool got, has_queue, gave_up, waits, runs, ends;
	byte mine;              /* slot */
	byte held, granted;     /* sets of slots */
	byte slot, count, were_held, rounds;

	{
		do
		:: rounds++;
		   slots_acquire(false);
		   if
		   :: !mine && is(WAIT) -> slots_acquire(true)
		   :: else
		   fi;
		   if
		   :: mine -> run_command()
		   :: else
		   fi;
		   d_step {
			got = false; gave_up = false;
			held = 0; slot = 0; count = 0; were_held = 0
		   };
		   if
		   :: is(TWICE) && rounds < 2
		   :: !(is(TWICE) && rounds < 2) -> break
		   fi
		od
	}
#ifdef KILLED
	unless {
		killed[me] ->
		d_step {
			running = running - runs;
			ending = ending + runs;
			waited_for = waited_for - waits
		};
		locks_of_killed();
		ending = ending - (runs || ends)
	}
#endif
	;
	here--
}

/* At any moment, also when nothing is left to kill. */
proctype killer(byte victim)
{
	killed[victim] = true
}

/* ---- scenarios ----------------------------------------------------------- */

#define calls(number, most, kind)  here++; run caller(number, most, kind)

init
{
	byte lock;

	atomic {
#if defined SCENARIO_WAITERS
		calls(0, 2, WAIT); calls(1, 2, WAIT); calls(2, 2, WAIT)
#elif defined SCENARIO_TWICE
		calls(0, 1, WAIT + TWICE); calls(1, 2, TIMED + TWICE);
		calls(2, 2, NO_WAIT + TWICE)
#elif defined SCENARIO_FOUR
		calls(0, 2, WAIT); calls(1, 2, WAIT); calls(2, 2, TIMED);
		calls(3, 2, NO_WAIT)
#elif defined SCENARIO_DIFFERENT
		calls(0, 3, WAIT); calls(1, 2, WAIT); calls(2, 1, WAIT);
		calls(3, 3, NO_WAIT)
#elif defined SCENARIO_ROOM
		calls(0, 2, NO_WAIT + TWICE); calls(1, 2, NO_WAIT + TWICE)
#elif defined SCENARIO_SERVED
		calls(0, 1, WAIT); calls(1, 2, TIMED); calls(2, 3, WAIT)
#elif defined SCENARIO_NO_WAIT
		calls(0, 2, NO_WAIT); calls(1, 2, NO_WAIT); calls(2, 1, NO_WAIT);
		calls(3, 3, NO_WAIT)
#elif defined SCENARIO_DAEMON
		calls(0, 2, WAIT + DAEMON); calls(1, 2, WAIT); calls(2, 2, WAIT)
#elif defined SCENARIO_KILLED
		calls(0, 1, WAIT); calls(1, 2, WAIT); calls(2, 2, NO_WAIT);
		run killer(0)
#else
#error "name a scenario"
#endif
	};
	here == 0 ->
	all_left = true;
	d_step {
		do
		:: lock < LOCKS ->
#ifndef SCENARIO_DAEMON
			claim(CLEAN, tag[lock] == NOBODY && body[lock] == NOBODY);
#endif
			lock++
		:: else -> break
		od
	}
}

ltl served { <> all_left }
