/* SPDX-License-Identifier: 0BSD */
/*
 * one-waiter.pml - lf-acquire --one-waiter (tools/one-waiter.c) as a Spin model
 *
 * Callers come with news, and each wants a run of COMMAND that sees it.  The lock is
 * LOCKFILE, the place of the one waiter is the lock LOCKFILE.next.
 *
 *   ONE         One process at most waits.
 *   RUN         When all have left, a run has started after the last caller came, which
 *               may have been refused.  Not claimed where a waiter is killed or gives up.
 *   CLEAN       When all have left, no lock is left.
 *   no deadlock Spin's search for invalid end states; so a killed waiter does not
 *               leave the place taken.
 *   served      All leave in the end (weak fairness).
 *
 * A signal, or the end of the time, ends a wait at any moment: that is GIVES_UP.  A
 * refused caller closes the file before lf_check() takes its tag for a holder's.
 */

#define LOCKS 2
#define LOCK  0
#define PLACE 1

#include "locks.pml"

#define GIVES_UP  1             /* may give up its wait at any moment */
#define TWICE     2             /* comes with news again */
#define is(what)  ((kind & (what)) == (what))

#if defined SCENARIO_KILLED || defined SCENARIO_GIVE_UP
#define A_RUN_MAY_BE_LOST
#endif

byte news;                      /* how often a caller has come */
byte seen;                      /* by the last run that has started */
byte waiting;                   /* how many wait */
byte here;                      /* callers that have not left for good */
bool all_left;
bool killed[4];

bool ONE = true, RUN = true, CLEAN = true;

#define claim(name, condition)  name = (condition); assert(name)

/* Not later than it waits, and no longer. */
inline begin_to_wait()
{
	d_step { waiting++; waits = true; claim(ONE, waiting == 1) }
}

inline end_to_wait()
{
	d_step { waiting--; waits = false }
}

/* ---- tools/one-waiter.c ----------------------------------------------- */

/*
 * A caller that was refused has the tag of the place for a moment longer, when the
 * waiter may have given the place back.  So a refusal counts only if the place is held.
 * rule: place-tried, refused-if-held
 */
inline one_waiter_begin()
{
#ifdef MUTANT_PLACE_WAITED
	begin_to_wait();
	lock_wait(PLACE, false);
	end_to_wait();
#else
	do
	:: lock_try(PLACE);
	   if
	   :: got -> break
#ifdef MUTANT_PLACE_BY_TAG
	   :: !got -> break
#else
	   :: !got && lock_is_held(PLACE) -> break
	   :: !got && !lock_is_held(PLACE)
#endif
	   fi
	od
#endif
}

/* ---- tools/lf-acquire.c ------------------------------------------------ */

inline run_command()
{
	seen = news;
	lock_release(LOCK)
}

/*
 * The place is given back when LOCKFILE is held, and before COMMAND starts.
 * rule: place-until-held, place-until-command
 */
inline acquire_as_one_waiter()
{
	one_waiter_begin();
	if
	:: got ->
		begin_to_wait();
#ifdef MUTANT_PLACE_FREED_FIRST
		lock_release(PLACE);
#endif
		lock_wait(LOCK, is(GIVES_UP));
		end_to_wait();
#if !defined MUTANT_PLACE_FREED_FIRST && !defined MUTANT_PLACE_KEPT
		lock_release(PLACE);
#endif
		if
		:: got -> run_command()
		:: else
		fi;
#ifdef MUTANT_PLACE_KEPT
		lock_release(PLACE)
#endif
	:: else
	fi
}

proctype caller(byte me; byte kind)
{
	bool got, waits;
	byte rounds;

	{
		do
		:: rounds++;
		   news++;
		   lock_try(LOCK);
		   if
		   :: got -> run_command()
		   :: else -> acquire_as_one_waiter()
		   fi;
		   if
		   :: is(TWICE) && rounds < 2
		   :: !(is(TWICE) && rounds < 2) -> break
		   fi
		od
	}
#ifdef SCENARIO_KILLED
	unless {
		killed[me] ->
		waiting = waiting - waits;
		locks_of_killed()
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

#define calls(number, kind)  here++; run caller(number, kind)

init
{
	byte lock;

	atomic {
#if defined SCENARIO_FOUR
		calls(0, 0); calls(1, 0); calls(2, 0); calls(3, 0)
#elif defined SCENARIO_TWICE
		calls(0, TWICE); calls(1, TWICE); calls(2, TWICE)
#elif defined SCENARIO_GIVE_UP
		calls(0, TWICE); calls(1, GIVES_UP + TWICE); calls(2, GIVES_UP)
#elif defined SCENARIO_KILLED
		calls(0, 0); calls(1, 0); calls(2, TWICE);
		run killer(0); run killer(1)
#else
#error "name a scenario"
#endif
	};
	here == 0 ->
	all_left = true;
	d_step {
#ifndef A_RUN_MAY_BE_LOST
		claim(RUN, seen == news);
#endif
		do
		:: lock < LOCKS ->
			claim(CLEAN, tag[lock] == NOBODY && body[lock] == NOBODY);
			lock++
		:: else -> break
		od
	}
}

ltl served { <> all_left }
