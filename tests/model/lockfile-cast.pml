/* SPDX-License-Identifier: 0BSD */
/* A part of lockfile.pml: the processes, ours and others. */

/*
 * A killed process does nothing more, and the kernel closes what it had open.
 * Only in scenarios that need it: `unless' makes every step one that others may
 * see, and the search takes four times as long.
 */
#ifdef PATIENT
#define killed_tag()                                                    \
	d_step {                                                        \
		if                                                      \
		:: (holders & mine) && (my.tag & mine) -> dying = me    \
		:: else                                                 \
		fi;                                                     \
		my.tag = by_others(my.tag)                              \
	}
#define killed_rest()           dying = NONE
#else
#define killed_tag()            my.tag = by_others(my.tag)
#define killed_rest()           skip
#endif
#ifdef KILLED
#define may_be_killed()                                                 \
	unless {                                                        \
		killed[me] ->                                           \
		if                                                      \
		:: is_open ->                                           \
			killed_tag();                                   \
			d_step { table_close(); killed_rest() }         \
		:: else                                                 \
		fi                                                      \
	}
#else
#define may_be_killed()
#endif

inline hold()
{
	if
	:: is(FORK) ->
		atomic { copies[me]++; running++; run child(me, kind) }
	:: else
	fi;
	/* There and back is enough. */
	do
	:: is(CONVERT) && conversions < 2 ->
		conversions++;
		if
		:: have == READ -> convert_to_exclusive()
		:: have == WRITE -> convert_to_shared()
		:: else                 /* lost by a mutant */
		fi
	:: break
	od;
	atomic {
		claim(MODE, (my.body & mine) == (have << me) &&
		    (my.gap & mine) == (have << me) &&
		    (my.far_end & mine) == (have << me));
#ifdef THREADS
		claim(PLACE, !has_place || (my.place & mine) ||
		    (my.tag & tags_of_mine));
		has_place = false;
#endif
		holders = by_others(holders)
	}
}

/*
 * One of ours.
 *
 * A waiter that gives up may just have been granted the body.  A process that
 * was leaving may have met that, and left the removal to the waiter as to a
 * holder.  So the waiter first drops the body, not to be in the way, and then
 * leaves as a holder does, with presence or without.  A refused caller that does
 * not wait just closes the file: to leave, it would take the body for a moment,
 * and where a remover does not show (lockf) two such callers could refuse each
 * other a free lock.
 * rule: granted-dropped, waiter-leaves, refused-closes
 */
proctype process(byte me; byte kind)
{
	bool got, is_open, waits;
	byte conversions, have;
	mtype answer;
#ifdef THREADS
	bool has_place;
#endif

	{
		do
		:: acquire();
		   if
		   :: answer == GOT -> hold()
		   :: answer == CANCELLED ->
#ifndef MUTANT_GIVE_UP_HOLDING_BODY
			body_unlock();
#endif
#ifdef MUTANT_CLOSE_WITHOUT_PRESENCE
			if
			:: !(my.sharers & bit(me)) -> answer = BUSY
			:: else
			fi;
#endif
			have = NOTHING
		   :: answer == BUSY -> sharer_refused(); have = NOTHING
		   fi;
		   if
		   :: answer == BUSY ->
#ifdef MUTANT_REFUSED_LEAVES
			leave(have)
#else
			table_close()
#endif
		   :: answer != BUSY && is(KEEP) -> body_unlock(); table_close()
		   :: answer != BUSY && !is(KEEP) -> leave(have)
		   fi;
		   /* dead values would only make equal states look different */
		   d_step {
			got = false;
			waits = false;
			answer = 0;
			have = 0;
			conversions = 0
		   };
		   if
		   :: is(AGAIN)
		   :: break
		   fi
		od
	} may_be_killed();
	running--
}

/*
 * One of ours on a descriptor of the caller, which may share the lock already.  It
 * asks for the lock without waiting, which converts what it has; refused, it gives
 * up the shared lock before it waits, as flock(2) does: two that both wait to be
 * exclusive would wait for each other.  The file stays.
 * rule: borrowed-given-up
 */
proctype borrower(byte me; byte kind)
{
	bool got, is_open, waits;
	byte have;
	mtype answer;
#ifdef THREADS
	bool has_place;
#endif

	file_open();
	body_try(READ);
	atomic {
		if
		:: got ->
			file_is_at();
			if
			:: got -> enter(READ)
			:: else -> body_unlock()
			fi
		:: else
		fi
	};
#ifdef THREADS
	claims[me] = true;
#endif
	lock_now();
	if
	:: answer != GOT && has_tag[me] -> give_tag_back()
	:: else
	fi;
	if
	:: answer != GOT && is(WAIT) ->
#ifndef MUTANT_BORROWED_KEEPS_SHARED
		d_step { holders = by_others(holders) };
		body_unlock();
#endif
		lock_waiting()
	:: else
	fi;
	if
	:: answer == GOT ->
		atomic {
			file_is_at();   /* else it has no name any more */
			if
			:: got -> enter(WRITE); have = WRITE
			:: else
			fi
		};
		if
		:: got ->
			table_hold();
			d_step {
				claim(MODE, (my.body & mine) == (have << me));
				holders = by_others(holders)
			}
		:: else
		fi
	:: else
	fi;
	/* Given up: the caller unlocks it then. */
	d_step { holders = by_others(holders) };
	body_unlock();
	table_close_borrowed();
	running--
}

/*
 * A forked child shares the description of its parent.  When it releases what it
 * inherited, it closes its descriptor and does nothing else.  A daemon may stay
 * for ever.
 * rule: child-closes
 */
proctype child(byte me; byte kind)
{
#ifdef MUTANT_CHILD_RELEASES
	bool got, is_open;
	byte have = WRITE;

	leave(have);
	running--
#else
	if
	:: d_step { description_close(); running-- }
	:: is(DAEMON) -> running--; end_daemon: false
	fi
#endif
}

/*
 * The original: one lock over the whole file, owned by the process; the path
 * is unlinked, by name, while the lock is held.
 */
#define whole_is_free  \
	((my.tag | my.place | my.body | my.gap | my.far_end) == 0)

inline whole_lock()
{
	my.tag = WRITE << me;
	give_body(WRITE)
}

inline whole_try()
{
	d_step {
		got = whole_is_free;
		if
		:: got -> whole_lock()
		:: else
		fi
	}
}

inline whole_wait()
{
	d_step { whole_is_free -> whole_lock(); got = true }
}

proctype original(byte me; byte kind)
{
	bool got, is_open;
	mtype answer;

	{
		do
		:: file_open();
		   if
		   :: is(WAIT) -> whole_wait()
		   :: else -> whole_try()
		   fi;
		   if
		   :: got ->
			atomic {
				got = (path == file[me]);
				if
				:: got -> answer = GOT; enter(WRITE)
				:: else -> answer = START_OVER
				fi
			}
		   :: else -> answer = BUSY
		   fi;
		   if
		   :: answer == GOT ->
			holders = by_others(holders);
			if
			:: !is(KEEP) -> path_unlink(false)
			:: else
			fi
		   :: else
		   fi;
		   table_close();
		   if
		   :: is(AGAIN) || answer == START_OVER
		   :: answer != START_OVER -> break
		   fi;
		   d_step { got = false; answer = 0 }
		od
	} may_be_killed();
	running--
}

/*
 * A foreign program that locks one of the ranges alone, and relies on the file while it
 * has it.  In some scenarios that lasts until all others have left.
 */
#define BYTE_0    0
#define FAR_END   1
#define GAP       2
#define BODY      3

proctype foreign(byte me; byte part; byte how)
{
	bool got, is_open;

	file_open();
	if
	:: part == BYTE_0 -> tag_try(how)
	:: part == FAR_END -> range_try(how, my.far_end)
	:: d_step { part == GAP && my.gap == 0 -> range_try(how, my.gap) }
	:: part == GAP && my.gap != 0   /* see "left out" */
	:: part == BODY -> range_try(how, my.body)
	fi;
	if
	:: got ->
		d_step { file_is_at(); relying = got; for_long = true };
#ifdef FOREIGN_STAYS
		running == 1;
#endif
		d_step { relying = false; for_long = false }
	:: else
	fi;
	d_step { body_unlock(); table_close() };
	running--
}

/*
 * A process on another machine, to which FUSE shows the files but not the locks.  There
 * it has the lock, and as the mutant it removes the file.
 * rule: fuse-stays
 */
proctype elsewhere()
{
#ifdef MUTANT_FUSE_REMOVES
	path = NONE;
#endif
	running--
}

/* Callers with LF_FLOCK, and users of flock(2). */
#include "flock-too.pml"

/* At any moment, also when nothing is left to kill. */
proctype killer(byte victim)
{
	killed[victim] = true
}

/*
 * Another part of the process closes a descriptor of the same file, which
 * drops the tag: at any moment, any number of times.
 */
proctype stray(byte me)
{
end:	do
	:: d_step {
		file[me] != NONE && (my.tag & mine) ->
		my.tag = by_others(my.tag)      /* the library does not know */
	   }
	od
}
