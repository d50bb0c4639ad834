/* SPDX-License-Identifier: 0BSD */
/*
 * flock-too.pml - LF_FLOCK (lib/flock-too.c), a part of lockfile.pml
 *
 * A caller with LF_FLOCK acquires the record locks, then a lock of flock(2), and keeps
 * the file.  It shares that kind of lock with the presence of waiters, and with programs
 * that use flock(2) alone, or both kinds in their own order.
 *
 *   FLOCKED     A user of flock(2) does not run beside a holder with LF_FLOCK, unless
 *               both share.
 *   BARE        A process that waits for the one kind holds nothing of the other.
 *   FREE        Where all have LF_FLOCK, a caller that has got the record locks in the
 *               queue gets the other lock immediately, and so keeps its turn.
 *   BOTH        A holder has the lock of flock(2) in the mode of the records.  Exempt is
 *               one whose refused conversion has lost it to another; lf_release reports
 *               that.
 *
 * A record lock and a lock of flock(2) are tried several times.  That they are is the
 * same as one attempt that comes late.  But where the claim is that all leave in the end,
 * the caller that has flock(2) gives it up before the patience of the other ends, and it
 * is not refused by one that gives the records back or removes the file, which takes
 * less than a try.
 */

byte trying;                    /* set of those that have flock and try the records */
byte giving_back;               /* set of those that give the records back */
byte noticed;                   /* ... of those that may have met one of them */

bool FLOCKED = true, BARE = true, FREE = true, BOTH = true;

#if defined SCENARIO_FLOCK || defined SCENARIO_FLOCK_SHARED
#define flock_was_refused()     claim(FREE, false)
#else
#define flock_was_refused()     skip
#endif

#define flock_is_free(how)                                              \
	((my.alone == NONE || my.alone == me) &&                        \
	 (how == READ || (my.sharers & ~bit(me)) == 0))
#define give_flock(how)                                                 \
	if                                                              \
	:: how == READ -> my.sharers = my.sharers | bit(me)             \
	:: else -> my.alone = me                                        \
	fi
#define enter_flock(how)                                                \
	claim(FLOCKED, !refused(flockers, how));                        \
	flockers = given(flockers, how)
#define leave_flock()           flockers = by_others(flockers)

#if defined SERVED && !defined MUTANT_FLOCK_SAME_PATIENCE
#define patience_ends           ((trying & ~bit(me)) == 0 && leaving == 0)
#else
#define patience_ends           true
#endif

inline flock_try(how)
{
	if
	:: d_step { flock_is_free(how) -> give_flock(how); got = true }
	:: d_step { !flock_is_free(how) && patience_ends -> got = false }
	fi
}

inline flock_wait(how, bounded)
{
	if
	:: d_step {
		flock_is_free(how) ->
		give_flock(how);
		trying = trying | bit(me);
		got = true
	   }
	:: bounded -> got = false
	:: d_step { bounded && flock_is_free(how) -> give_flock(how); got = false }
	fi
}

inline flock_unlock()
{
	presence_unlock()
}

#define presence_drop()                                                 \
	my.sharers = my.sharers & ~bit(me);                             \
	if                                                              \
	:: my.alone == me -> my.alone = NONE                            \
	:: else                                                         \
	fi

inline records_give_back()
{
	giving_back = giving_back | bit(me);
	body_unlock();
#ifndef MUTANT_FLOCK_KEEPS_TAG
	give_tag_back();
#endif
	d_step {
		giving_back = giving_back & ~bit(me);
		noticed = 15;
		wrongly = wrongly & ~bit(me)
	}
}

#define met_one_in_passing      (giving_back || leaving || (noticed & bit(me)))

/* Not refused by one that gives them back, or removes the file, just then. */
inline try_records_patiently()
{
	do
	:: noticed = noticed & ~bit(me);
	   lock_now();
	   if
#ifdef SERVED
	   :: answer != GOT && met_one_in_passing ->
		giving_back == 0 && leaving == 0;
		if
		:: has_tag[me] -> give_tag_back()
		:: else
		fi
	   :: !(answer != GOT && met_one_in_passing) -> break
#else
	   :: break
#endif
	   fi
	od
}

/*
 * With the record locks in hand.  To wait for the other lock so would be to wait for
 * waiters with a presence, which wait for the records; and another program may take the
 * two in the other order.
 * rule: flock-not-waited, flock-gives-tag-back, records-not-waited, flock-patience
 */
inline flock_lock()
{
	do
	:: flock_try(mode);
	   if
	   :: got -> break
	   :: else ->
		flock_was_refused()
	   fi;
#ifndef MUTANT_FLOCK_WITH_RECORDS
	   records_give_back();
#endif
	   if
	   :: !waits -> answer = BUSY; break
	   :: else
	   fi;
#ifndef MUTANT_FLOCK_WITH_RECORDS
	   d_step { claim(BARE, !((my.tag | my.body | my.far_end) & mine)) };
#endif
	   flock_wait(mode, is(TIMED));
	   if
	   :: got
	   :: else -> answer = CANCELLED; break
	   fi;
#ifdef MUTANT_RECORDS_WITH_FLOCK
	   lock_waiting();
#else
	   try_records_patiently();
#endif
	   if
	   :: answer == GOT -> trying = trying & ~bit(me); break
	   :: else
	   fi;
	   d_step {
		my.sharers = my.sharers & ~bit(me);
		if
		:: my.alone == me -> my.alone = NONE
		:: else
		fi;
		trying = trying & ~bit(me)
	   };
	   records_give_back();
	   /* In the queue with those that have record locks only. */
	   lock_waiting();
	   if
	   :: answer != GOT -> break
	   :: else
	   fi
	od
}

/*
 * With LOCK_NB.  Linux drops the lock and then asks for the other, in one step if that is
 * granted.  A refused one is lost; in the next moment it is free to share again, unless
 * the sharer in the way has gone and a waiter got it.
 * rule: flock-converted, flock-shared-again
 */
inline flock_convert(how)
{
	d_step {
		presence_drop();
		got = flock_is_free(how);
		if
		:: got -> give_flock(how); enter_flock(how)
		:: else -> leave_flock()
		fi
	};
	if
	:: !got ->
#ifndef MUTANT_FLOCK_NOT_SHARED_AGAIN
		d_step {
			if
			:: flock_is_free(READ) -> give_flock(READ); enter_flock(READ)
			:: else -> flock_is_lost = true
			fi
		}
#endif
	:: else
	fi
}

/* The records first. */
inline flock_conversion()
{
	if
	:: have == READ && !flock_is_lost ->
		convert_records();
#ifndef MUTANT_FLOCK_NOT_CONVERTED
		if
		:: got -> flock_convert(WRITE)
		:: else
		fi;
#endif
		convert_finish()
	:: have == WRITE ->
		convert_to_shared();
#ifndef MUTANT_FLOCK_NOT_CONVERTED
		flock_convert(READ)
#endif
	:: else
	fi
}

inline flock_acquire()
{
	waits = is(WAIT) && !is(TIMED);
	do
	:: if
	   :: !is_open -> file_open()
	   :: else
	   fi;
	   if
	   :: waits -> lock_waiting()
	   :: else -> lock_now()
	   fi;
	   /* rule: flock-held */
#ifndef MUTANT_FLOCK_OMITTED
	   if
	   :: answer == GOT -> flock_lock()
	   :: else
	   fi;
#endif
	   if
	   :: answer == GOT ->
		atomic {
			file_is_at();
			if
			:: got -> enter(mode); enter_flock(mode); have = mode
			:: else
			fi
		};
		if
		:: got -> table_hold(); break
		:: else ->
			flock_unlock();
			body_unlock();
			table_close()
		fi
	   :: answer == BUSY ->
		refusal_is_at();
		if
		:: got && is(TIMED) ->
			if
			:: has_tag[me] -> give_tag_back()
			:: else
			fi;
			waits = true
		:: got && !is(TIMED) -> break
		:: else -> table_close()
		fi
	   :: answer == REMOVER -> table_close(); pause()
	   :: answer == CANCELLED -> break
	   fi
	od
}

inline flock_hold_and_release()
{
	do
	:: is(CONVERT) && answer == GOT && conversions < 2 ->
		conversions++;
		flock_conversion()
	:: break
	od;
	if
	:: answer == GOT ->
		atomic {
			claim(MODE, (my.body & mine) == (have << me));
#ifndef MUTANT_FLOCK_OMITTED
			claim(BOTH, flock_is_lost ||
			    (have == WRITE -> my.alone == me :
			    (my.sharers & bit(me))));
#endif
			leave_flock();
			holders = by_others(holders)
		}
	:: else
	fi;
	/* rule: flock-released-first */
#ifdef MUTANT_FLOCK_RELEASED_LAST
	give_tag_back();
	body_unlock();
	flock_unlock();
#else
	flock_unlock();
	body_unlock();
#endif
	table_close()
}

proctype flock_too(byte me; byte kind)
{
	bool got, is_open, waits, flock_is_lost;
	mtype answer;
	byte have, conversions;
#ifdef THREADS
	bool has_place;
#endif

	{
		do
		:: flock_acquire();
		   flock_hold_and_release();
		   d_step {
			got = false;
			flock_is_lost = false;
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

/* flock(1), and what else knows no other lock. */
proctype flock_user(byte me; byte kind)
{
	bool got, is_open;

	do
	:: file_open();
	   flock_wait(mode, is(TIMED));
	   trying = trying & ~bit(me);
	   if
	   :: got ->
		atomic { enter_flock(mode) };
		leave_flock()
	   :: else
	   fi;
	   table_close();
	   got = false;
	   if
	   :: is(AGAIN)
	   :: break
	   fi
	od;
	running--
}

/* A program with both kinds, which waits for the second with the first in hand. */
#define RECORDS_FIRST  0
#define FLOCK_FIRST    1

proctype both_user(byte me; byte order)
{
	bool got, is_open;

	file_open();
	if
	:: order == RECORDS_FIRST -> whole_wait(); flock_wait(WRITE, false)
	:: order == FLOCK_FIRST -> flock_wait(WRITE, false); whole_wait()
	fi;
	trying = trying & ~bit(me);
	atomic { enter(WRITE); enter_flock(WRITE) };
	d_step { holders = by_others(holders); leave_flock() };
	table_close();
	running--
}
