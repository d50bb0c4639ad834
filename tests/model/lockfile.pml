/* SPDX-License-Identifier: 0BSD */
/*
 * lockfile.pml - the protocol of lib/protocol.c as a Spin model
 *
 * WHAT IT IS
 *
 * Up to four processes use one path.  Each is one of ours (`process',
 * `borrower') or a program that locks the whole file with lockf (`original').
 * Steps and answers have the names of the library, without lf_ and LF_, and the
 * parts are in this order:
 *
 *     the kernel    inodes, the path, the locks and their owners
 *     marks.c       tag, body, presence
 *     file.c        open, verify; parked.c: close, the tag of a holder
 *     protocol.c    lock_now, lock_waiting, acquire, leave
 *     convert.c     shared to exclusive, and back
 *     the cast      process, borrower, child, original, foreign, killer, stray;
 *                   with LF_FLOCK, and with flock(2): see flock-too.pml
 *     scenarios     which processes take part; -DSCENARIO_NAME chooses one
 *     fairness      the claims about runs that do not end
 *
 * Read acquire and leave first; the rest explains them.  `run', next to this
 * file, checks every scenario and then that every mutant is caught
 * (-DMUTANT_NAME: the model without one rule).  To see how one is caught, in a
 * scratch directory with copies of the .pml files:
 *
 *     spin -a -DSCENARIO_STRAY -DMUTANT_CLOSE_WITHOUT_PRESENCE lockfile.pml
 *     cc -O2 -DSAFETY -DVECTORSZ=2048 -o pan pan.c && ./pan -i -m10000
 *     spin -t -p -l -DSCENARIO_STRAY -DMUTANT_CLOSE_WITHOUT_PRESENCE lockfile.pml
 *
 * WHAT IS CLAIMED
 *
 *   EXCLUSION   Between acquire and release, an exclusive holder is alone, and
 *               a shared holder is beside sharers only.
 *   MODE        A holder has the body in the mode that it believes to have, and
 *               in no other.
 *   UNLINK      A process that unlinks has the body of the file at the path
 *               exclusively, and no other process is between acquire and
 *               release.
 *   QUEUE       None of ours unlinks a file while another has presence on it:
 *               the removal does not destroy the queue.
 *   TAG         A process does not own byte 0 while it waits for the body, or the tag
 *               from a refused first attempt until it waits.  Exempt is a holder
 *               that converts the body.
 *   GONE        When all have left, the path is gone.  Not claimed where a
 *               process is killed or keeps the file.
 *   CLEAN       When all have left, no mark is left on any file.
 *   ONE_WINS    Where none waits, or one with a bound, at least one gets the lock.
 *               Not claimed where two wait with a bound: the tag of one may refuse
 *               a third while the other, which gives up, refuses it the body.
 *   SHARE       Where all are sharers, none is refused, though a remover has the
 *               body exclusively for a moment; nor does the tag refuse any, and
 *               so it shows the PID of each.
 *   FOREIGN     None of ours unlinks the file of a foreign program, which locks byte 0
 *               alone or the far end alone and finds its file at the path.
 *   NEXT        A killed holder may lose its tag before its body: the waiter that
 *               gets the tag then is the next that gets the lock.
 *   REST        A thread that leaves a file open (parked) has nothing locked on it,
 *               and no tag stays that no handle of its process needs.
 *   PLACE       A thread that got the lock in its place has byte 0 until it releases:
 *               the queue does not pass it.
 *   FLOCKED, BARE, FREE
 *               See flock-too.pml.
 *   no deadlock Spin's search for invalid end states.
 *   served, queued_is_served
 *               See "fairness" at the end.
 *
 * The claims in capitals, and the absence of deadlock, hold in every
 * interleaving; they assume no fairness.
 *
 * WHAT IS ABSTRACT, AND WHY THAT IS SOUND
 *
 * - One step is one system call, or that part of one which the kernel does in
 *   one piece.  What a process does between two calls touches nothing shared.
 * - Only four ranges are ever locked apart: byte 0, the body up to the gap, the gap,
 *   and the far end.  So each file has one set of owners for each, and byte 0 one
 *   of processes and one of descriptions.  A whole-file lock owns all or none.
 * - A lock of a process and an open file description have the same name, the
 *   number of the process: it has one description at a time, and one that forked
 *   opens no other.  With -DTHREADS numbers 0 and 1 are threads of one process: two
 *   descriptions, and one owner of tags.
 * - That a waiter tries the body again with the tag in hand is the same as one
 *   attempt that comes late.  Only for NEXT is it one that comes after the end of a
 *   killed process, which the waiter awaits: the system shows that it is ending.
 * - A caller that is refused byte 0 and no body tries once more, not three times:
 *   the further attempts would be one that comes later.
 * - An inode is free again as soon as neither the path nor a descriptor leads
 *   to it, and the lowest free one is taken.  That is the hardest case for
 *   file_is_at.  One inode more than processes is enough: each has one open, and
 *   the path names one.  Which free one is taken makes no difference, because
 *   nothing compares numbers except for equality.
 * - Any waiter may be granted a free lock, and a newcomer may overtake it.
 *   Linux wakes waiters in the order of the queue and then lets them race;
 *   whatever comes of it is one of the runs here.
 * - A timeout may strike at any moment of a wait.  Time plays no other part: a
 *   caller that meets a remover starts over as often as it takes, without the
 *   bound that the library has for a remover that is stopped.
 * - A holder tries for the tag although it may have it: that changes nothing
 *   then.  The library remembers and omits the call.
 * - A waiter with a bound, whose first attempt was refused and which cannot
 *   start a thread, closes the file: that is a caller that does not wait.
 * - FUSE with locks of the kernel is as a local file system with files that are kept.
 * - A remover that finds byte 0 alone locked looks again without end, unless a
 *   foreign program has it.  The library stops after MOST_LOOKS.
 * - Left out: a program that read-locks exactly the byte of the gap after the remover
 *   asked for it; threads that come back, share a body (other backends) or convert;
 *   a file with content; adoption, which is in adopt.pml.
 */

/* ---- options --------------------------------------------------------- */

#define PROCESSES 4
#define INODES    5             /* PROCESSES + 1 */
#define NONE      15            /* no inode, no owner */

#define bit(p)    (1 << (p))

/* What a process is like, to be added up. */
#define NO_WAIT   0
#define WAIT      1
#define TIMED     3             /* tries first, then waits, and may give up */
#define KEEP      4             /* leaves the file in place */
#define FORK      8             /* has a child while it holds the lock */
#define DAEMON    24            /* ... which may stay for ever */
#define AGAIN     32            /* comes back, any number of times */
#define SHARED    64
#define CONVERT   128           /* may convert what it got, there and back */
#define is(what)  ((kind & (what)) == (what))

/* What a scenario needs; the scenarios are at the end. */
#if defined SCENARIO_KILL || defined SCENARIO_KILL_MIXED || \
    defined SCENARIO_KILL_FORK || defined SCENARIO_SERVED_KILL || \
    defined SCENARIO_SHARED_KILL || defined SCENARIO_CONVERT_KILL || \
    defined SCENARIO_KILL_QUEUE || defined SCENARIO_FLOCK_KILL
#define KILLED
#endif
#if defined SCENARIO_SERVED || defined SCENARIO_SERVED_MIXED || \
    defined SCENARIO_SERVED_KILL || defined SCENARIO_SERVED_SHARED || \
    defined SCENARIO_SERVED_CONVERT || defined SCENARIO_SERVED_SHARED_MIXED || \
    defined SCENARIO_SERVED_FLOCK || defined SCENARIO_SERVED_FLOCK_MIXED || \
    defined SCENARIO_SERVED_OF_PROCESS
#define SERVED
#endif
#ifdef SCENARIO_KILL_QUEUE
#define PATIENT
#endif
#if defined SCENARIO_THREADS || defined SCENARIO_THREADS_TIMED || \
    defined SCENARIO_THREADS_SHARED || defined SCENARIO_THREADS_END || \
    defined SCENARIO_THREADS_BORROW
#define THREADS
#endif
#if defined SCENARIO_TWO_NO_WAIT || defined SCENARIO_FOUR_NO_WAIT || \
    defined SCENARIO_TWO_NO_WAIT_SHARED || \
    defined SCENARIO_THREE_NO_WAIT_SHARED || defined SCENARIO_TIMED_NO_WAIT
#define ALL_MAY_FAIL
#endif
#if defined SCENARIO_QUEUED || defined SCENARIO_QUEUED_STRAY || \
    defined SCENARIO_QUEUED_SHARED || defined SCENARIO_QUEUED_SHARER || \
    defined SCENARIO_QUEUED_CONVERT
#define QUEUED
#endif
#if defined SCENARIO_SHARERS || defined SCENARIO_SHARERS_REMOVE
#define sharer_refused()        claim(SHARE, false)
#else
#define sharer_refused()        skip
#endif

/*
 * Kinds of file system, see lf_marks_choose: a network file system has the body alone,
 * and what the path names is answered from a cache; where the process owns the body,
 * that is the whole file; where flock(2) and record locks exclude each other, as on the
 * BSDs, there is no presence.
 */
#if defined SCENARIO_NETWORK || defined SCENARIO_NETWORK_SHARED
#define NO_TAG
#define NO_PRESENCE
#define CACHED
#endif
#if defined SCENARIO_OF_PROCESS || defined SCENARIO_OF_PROCESS_SHARED || \
    defined SCENARIO_OF_PROCESS_KEEP || defined SCENARIO_SERVED_OF_PROCESS
#define NO_TAG
#define NO_PRESENCE
#define OF_PROCESS
#endif
#if (defined SCENARIO_NO_PRESENCE || defined SCENARIO_NO_PRESENCE_SHARED) && \
    !defined MUTANT_PRESENCE_IN_LIST
#define NO_PRESENCE
#endif

/* Answers; CANCELLED is also that of a wait whose time is up. */
mtype = { GOT, BUSY, START_OVER, REMOVER, CANCELLED }

/* How a range is locked: see range_try. */
#define NOTHING   0
#define READ      1
#define WRITE     16
#define mode      (is(SHARED) -> READ : WRITE)
#ifdef MUTANT_SHARED_TAG_WRITE
#define tag_mode  WRITE
#else
#define tag_mode  mode
#endif

/* ---- the kernel ------------------------------------------------------ */

byte path = NONE;               /* the inode that the path names */

typedef inode {
	byte opened;            /* set of open file descriptions */
	byte tag;               /* byte 0: owned by processes */
	byte place;             /* byte 0: by open file descriptions */
	byte body;              /* bytes 1 to the gap: by open file descriptions */
	byte gap;               /* a remover has it for reading only */
	byte far_end;           /* the bytes behind it */
	byte sharers;           /* flock, shared: set of descriptions */
	byte alone = NONE       /* flock, exclusive: a description */
}
inode inodes[INODES];

byte file[PROCESSES] = NONE;    /* the inode each description has open */
byte copies[PROCESSES];         /* descriptors that share the description */

#define my        inodes[file[me]]

/* For the claims alone.  No process decides anything by these. */
byte holders;                   /* between acquire and release, as a range */
byte flockers;                  /* those of flock(2), in the same way */
byte running;                   /* how many have not yet left for good */
bool kept;                      /* some process leaves the file behind */
bool won;                       /* some process got the lock */
bool all_left;                  /* no process is here any more */
bool relying;                   /* a foreign program found its file at the path */
bool has_tag[PROCESSES];        /* what the library remembers (marks.tag) */
#ifdef PATIENT
byte dying = NONE;              /* a holder whose tag has gone before its body */
byte next = NONE;               /* the first that got the tag then */
#endif
#ifdef THREADS
bool holds[PROCESSES], waits_for_tag[PROCESSES];
bool claims[PROCESSES];         /* a wait on a borrowed descriptor */
#endif

bool EXCLUSION = true, MODE = true, UNLINK = true, QUEUE = true, TAG = true,
    GONE = true, CLEAN = true, ONE_WINS = true, SHARE = true,
    FOREIGN = true, NEXT = true, REST = true, PLACE = true;

/* Spin then reports the name of the claim that does not hold. */
#define claim(name, condition)  name = (condition); assert(name)

bool killed[PROCESSES];         /* from outside */

/*
 * A range is the set of its owners: READ << p is in it if p has it locked for
 * reading, WRITE << p if for writing.  An owner that locks it again converts it,
 * in one step; a refusal leaves things as they were.  Locks of processes and of
 * descriptions exclude each other, also within one process.
 */
#define mine              ((READ + WRITE) << me)
#define by_others(range)  ((range) & ~mine)
#define WRITERS           (WRITE * 15)
#define EVERYBODY         (WRITERS + 15)
#define excluding(how)    (how == READ -> WRITERS : EVERYBODY)
#define refused(range, how)  (by_others(range) & excluding(how))
#define given(range, how) (by_others(range) | (how << me))

/* Threads 0 and 1 are one process: one owner of tags. */
#ifdef THREADS
#define process_of(p)     (p == 1 -> 0 : p)
#define sibling           (me <= 1 -> 1 - me : me)
#define sibling_is_here   (me <= 1 && file[sibling] == file[me])
#define sibling_holds     (sibling_is_here && holds[sibling])
#define sibling_waits     (sibling_is_here && waits_for_tag[sibling])
/* A wait on a borrowed descriptor has nothing that a close would drop. */
#ifdef MUTANT_PARK_FOR_BORROWER
#define file_is_in_use    (sibling_holds || (sibling_is_here && claims[sibling]))
#else
#define file_is_in_use    sibling_holds
#endif
#else
#define process_of(p)     p
#endif
#define tags_of_mine      ((READ + WRITE) << process_of(me))
#define tags_of_others    (my.tag & ~tags_of_mine)
#define tag_is_refused(how)   ((tags_of_others | my.place) & excluding(how))
#define tag_given(how)        (tags_of_others | (how << process_of(me)))
#define place_is_refused(how) ((my.tag | by_others(my.place)) & excluding(how))
/* Of other descriptions, and of other processes where the process owns the body. */
#ifdef OF_PROCESS
#define body_excludes_byte_0(how)  refused(my.tag | my.place, how)
#define give_byte_0(how)        my.tag = given(my.tag, how)
#else
#define body_excludes_byte_0(how)  false
#define give_byte_0(how)        skip
#endif
#ifdef MUTANT_PRESENCE_IN_LIST
#define presence_excludes(how)  (how == WRITE && (my.sharers & ~bit(me)) != 0)
#else
#define presence_excludes(how)  false
#endif
#define body_is_refused(how)                                            \
	(refused(my.body, how) || refused(my.gap, how) ||               \
	 refused(my.far_end, how) || body_excludes_byte_0(how) ||       \
	 presence_excludes(how))
#define give_body(how)                                                  \
	give_byte_0(how);                                               \
	my.body = given(my.body, how);                                  \
	my.gap = given(my.gap, how);                                    \
	my.far_end = given(my.far_end, how)

inline range_try(how, range)
{
	d_step {
		got = !refused(range, how);
		if
		:: got -> range = given(range, how)
		:: else
		fi
	}
}

/* With the last descriptor goes all that belongs to the description. */
inline description_close()
{
	copies[me]--;
	if
	:: copies[me] == 0 ->
		my.place = by_others(my.place);
		my.body = by_others(my.body);
		my.gap = by_others(my.gap);
		my.far_end = by_others(my.far_end);
		if
		:: my.alone == me -> my.alone = NONE
		:: else
		fi;
		my.sharers = my.sharers & ~bit(me);
		my.opened = my.opened & ~bit(me);
		holders = by_others(holders);
		flockers = by_others(flockers);
		file[me] = NONE
	:: else
	fi
}

/* By name: the file that the path names now, whichever it is. */
inline path_unlink(ours)
{
	d_step {
		claim(UNLINK, path == file[me] && by_others(holders) == 0 &&
		    (my.body & (WRITE << me)));
		claim(QUEUE, path == NONE || !ours ||
		    (inodes[path].sharers & ~bit(me)) == 0);
		claim(FOREIGN, !relying);
		path = NONE
	}
}

/*
 * For the claim queued_is_served, of process 0: the mark that it waits for;
 * whether it has had presence on the file at the path; whether it was served.
 */
#ifdef QUEUED
byte blocked;
bool queued, got_it;
#define waits_for(mark)         if :: me == 0 -> blocked = mark :: else fi
#define joined_0()                                                      \
	if                                                              \
	:: me == 0 && path == file[me] -> queued = true                 \
	:: else                                                         \
	fi
#define served_0()              got_it = true
#define lock_is_free                                                    \
	(blocked == 1 && inodes[file[0]].tag <= ADMITS_0 &&             \
	 inodes[file[0]].place <= ADMITS_0 ||                           \
	             \
	 blocked == 2 && inodes[file[0]].body <= ADMITS_0)
#else
#define waits_for(mark)         skip
#define joined_0()              skip
#define served_0()              skip
#endif

inline enter(how)
{
	claim(EXCLUSION, !refused(holders, how));
	holders = given(holders, how);
	won = true;
#ifdef PATIENT
	claim(NEXT, next == NONE || next == me);
	next = NONE;
#endif
	if
	:: me == 0 -> served_0()
	:: else
	fi
}

/* ---- marks.c --------------------------------------------------------- */

#ifdef PATIENT
#define note_next()                                                     \
	if                                                              \
	:: dying != NONE && next == NONE -> next = me                   \
	:: else                                                         \
	fi
#else
#define note_next()             skip
#endif

/* F_SETLK, byte 0 */
inline tag_try(how)
{
#ifdef NO_TAG
	got = true
#else
	d_step {
		got = !tag_is_refused(how);
		if
		:: got -> my.tag = tag_given(how)
		:: else
		fi;
		has_tag[me] = got
	}
#endif
}

/*
 * F_SETLKW, byte 0.  Not got: the time is up.  In the last case the kernel granted
 * the lock at that very moment.  The caller does not know, and so counts it as
 * granted in both.
 */
inline tag_wait(how)
{
#ifdef NO_TAG
	got = true
#else
	waits_for(1);
	if
	:: d_step {
		!tag_is_refused(how) ->
		my.tag = tag_given(how);
		note_next();
		has_tag[me] = true;
		got = true
	   }
	:: d_step { is(TIMED) -> has_tag[me] = true; got = false }
	:: d_step {
		is(TIMED) && !tag_is_refused(how) ->
		my.tag = tag_given(how);
		has_tag[me] = true;
		got = false
	   }
	fi;
	waits_for(0)
#endif
}

inline tag_unlock()
{
	d_step { my.tag = tags_of_others; has_tag[me] = false }
}

/* F_OFD_SETLKW, byte 0; see tag_wait */
inline place_wait(how)
{
	if
	:: d_step {
		!place_is_refused(how) ->
		my.place = given(my.place, how);
		got = true
	   }
	:: is(TIMED) -> got = false
	:: d_step {
		is(TIMED) && !place_is_refused(how) ->
		my.place = given(my.place, how);
		got = false
	   }
	fi
}

/* F_OFD_SETLK, byte 0; of a place, the conversion */
inline place_try(how)
{
	d_step {
		got = !place_is_refused(how);
		if
		:: got -> my.place = given(my.place, how)
		:: else
		fi
	}
}

inline place_unlock()
{
	my.place = by_others(my.place)
}

/* F_OFD_SETLK, bytes 1 ... */
inline body_try(how)
{
	d_step {
		got = !body_is_refused(how);
		if
		:: got -> give_body(how)
		:: else
		fi
	}
}

/*
 * By the description, and the tag goes first.  A tag may be lost between this call
 * and the unlink, or before; and two that leave with a shared tag would refuse each
 * other byte 0 as long as they look again.
 */
inline exclude_byte_0()
{
#ifdef MUTANT_BYTE_0_BY_TAG
	d_step {
		if
		:: has_tag[me] ->
			got = !tag_is_refused(WRITE);
			if
			:: got -> my.tag = tag_given(WRITE)
			:: else
			fi
		:: else -> got = false; skip
		fi
	};
	if
	:: !got && !has_tag[me] -> place_try(WRITE)
	:: else
	fi
#else
	/* One step if there is no tag to give; that of a sibling is not its own. */
	if
	:: d_step {
		(my.tag & tags_of_mine) && !(my.place & mine) ->
		give_tag_back()
	   };
	   place_try(WRITE)
	:: d_step {
		!(my.tag & tags_of_mine) || (my.place & mine) ->
		place_try(WRITE)
	   }
	fi
#endif
}

/*
 * In parts: bytes 1 to the gap, the gap for reading, the bytes behind it; is there
 * a reader of the gap; byte 0.
 */
inline body_try_to_remove(have)
{
#if defined MUTANT_REMOVER_LIKE_HOLDER || defined MUTANT_REFUSED_LEAVES
	body_try(WRITE);
#else
	if
	:: have == WRITE -> got = true
	:: else ->
#ifdef OF_PROCESS
		d_step {
			got = !refused(my.body, WRITE) && !body_excludes_byte_0(WRITE);
			if
			:: got -> give_byte_0(WRITE); my.body = given(my.body, WRITE)
			:: else
			fi
		};
#else
		range_try(WRITE, my.body);
#endif
		if
		:: got -> range_try(READ, my.gap)
		:: else
		fi;
#ifndef MUTANT_REMOVER_WITHOUT_FAR_END
		if
		:: got -> range_try(WRITE, my.far_end)
		:: else
		fi;
#endif
		if
		:: got -> got = (by_others(my.gap) == 0)
		:: else
		fi
	fi;
#endif
#if !defined MUTANT_REMOVER_WITHOUT_BYTE_0 && !defined NO_TAG
	if
#ifdef MUTANT_BYTE_0_BY_TAG
	:: got && !(have == WRITE && has_tag[me]) -> exclude_byte_0()
#else
	:: got -> exclude_byte_0()
#endif
	:: else
	fi
#endif
}

/*
 * F_OFD_SETLKW, bytes 1 ...  A process that is blocked here gets no tag, so it is
 * enough to check on the way in.
 */
inline body_wait(how, bounded)
{
#ifdef THREADS
	d_step { claim(TAG, !has_tag[me] && !(my.place & mine)) };
#else
	d_step { claim(TAG, !(my.tag & mine) || (my.body & mine)) };
#endif
	waits_for(2);
	if
	:: d_step { !body_is_refused(how) -> give_body(how); got = true }
	:: bounded -> got = false
	:: d_step {
		bounded && !body_is_refused(how) ->
		give_body(how);
		got = false
	   }
	fi;
	waits_for(0)
}

/* With the place, in one step. */
inline body_unlock()
{
	d_step {
#if defined THREADS && !defined MUTANT_PLACE_LEFT
		my.place = by_others(my.place);
#endif
#ifdef OF_PROCESS
		my.tag = by_others(my.tag);
#endif
		my.body = by_others(my.body);
		my.gap = by_others(my.gap);
		my.far_end = by_others(my.far_end)
	}
}

/* F_OFD_GETLK for writing, bytes 1 ...: has no other process locked it? */
inline body_test()
{
	got = (by_others(my.body | my.gap | my.far_end) == 0)
}

/*
 * The same in our mode, after a refusal.  The lock of a remover ends at the gap,
 * and is a write lock.
 */
inline test_body(how)
{
	d_step {
		got = false;
		if
		:: !body_is_refused(how) -> got = true; answer = REMOVER
#ifndef MUTANT_REMOVER_HOLDS
		:: body_is_refused(how) &&
		   (by_others(my.body) & WRITERS & ~my.gap) -> answer = REMOVER
		:: body_is_refused(how) &&
		   !(by_others(my.body) & WRITERS & ~my.gap) -> answer = BUSY
#else
		:: else -> answer = BUSY
#endif
		fi
	}
}

/*
 * flock LOCK_SH|LOCK_NB.  A process that is leaving refuses it; then the waiter
 * goes on without.
 */
inline presence_share()
{
	d_step {
		if
		:: my.alone == NONE -> my.sharers = my.sharers | bit(me); joined_0()
		:: else
		fi
	}
}

/*
 * flock LOCK_EX|LOCK_NB.  The kernel drops the shared lock first, and does not
 * restore it when it refuses the exclusive one.
 */
inline presence_is_alone()
{
#ifdef NO_PRESENCE
	got = true
#else
	my.sharers = my.sharers & ~bit(me);
	d_step {
#ifdef MUTANT_PRESENCE_IGNORED
		got = (my.alone == NONE || my.alone == me);
#else
		got = (my.sharers == 0 && (my.alone == NONE || my.alone == me));
#endif
		if
		:: got -> my.alone = me
		:: else
		fi
	}
#endif
}

/* flock LOCK_UN */
inline presence_unlock()
{
	d_step {
		my.sharers = my.sharers & ~bit(me);
		if
		:: my.alone == me -> my.alone = NONE
		:: else
		fi
	}
}

/*
 * A caller that meets a remover pauses.  Where the claim is that all leave in the
 * end, the pause is taken to last longer than the removal; without it both could
 * go on for ever in step: the caller has the tag when the remover wants byte 0, and
 * the remover has the body when the caller wants it.
 */
#ifdef SERVED
byte leaving;
#define pause()                 leaving == 0
#define leaves()                leaving = leaving | bit(me)
#define left()                  leaving = leaving & ~bit(me)
#else
#define pause()                 skip
#define leaves()                skip
#define left()                  skip
#endif

/* ---- file.c ---------------------------------------------------------- */

/* O_CREAT: if the path is gone, it gets the first inode that is free. */
inline file_open()
{
	d_step {
		if
		:: path == NONE ->
			path = 0;
			do
			:: inodes[path].opened != 0 -> path++
			:: else -> break
			od
		:: else
		fi;
		file[me] = path;
		copies[me] = 1;
		is_open = true;
		my.opened = my.opened | bit(me)
	}
}

/* stat and fstat.  Only the path can change, so together they are one step. */
inline file_is_at()
{
#ifdef CACHED
	if
	:: got = (path == file[me])
	:: got = true
	fi
#else
	got = (path == file[me])
#endif
}

/* ---- parked.c, siblings.c --------------------------------------------- */

/*
 * Any close drops the tag of the process.  Body and presence belong to the
 * description and stay while a child has a copy of the descriptor.
 */
inline table_close()
{
	d_step {
		left();
		is_open = false;
#ifdef THREADS
		holds[me] = false;
		waits_for_tag[me] = false;
		if
#ifdef MUTANT_PARK_WITH_TAG
		:: file_is_in_use || sibling_waits ->
#else
		:: file_is_in_use || (!has_tag[me] && sibling_waits) ->
#endif
			/* Parked: still open, and nothing is locked. */
			claim(REST, !(my.tag & tags_of_mine) || sibling_holds ||
			    has_tag[sibling]);
			claim(REST, !((my.place | my.body | my.far_end) & mine));
			copies[me] = 0;
			file[me] = NONE
		:: else ->
			my.tag = tags_of_others;
			if
			:: me <= 1 && file[sibling] != file[me] ->
				my.opened = my.opened & ~bit(sibling)
			:: sibling_is_here && me <= 1 -> has_tag[sibling] = false
			:: else
			fi;
			description_close()
		fi;
#else
		my.tag = by_others(my.tag);
		description_close();
#endif
		has_tag[me] = false
	}
}

/*
 * The tag shows the holder, if no waiter has it at the moment.  A thread that has
 * its place keeps that.
 */
inline table_hold()
{
#ifdef THREADS
	d_step { holds[me] = true; waits_for_tag[me] = false };
	if
	:: my.place & mine ->
		has_place = true;
#ifdef MUTANT_PLACE_EXCHANGED
		place_unlock();
		tag_try(tag_mode)
#else
		place_try(tag_mode)
#endif
	:: else -> tag_try(tag_mode)
	fi;
#else
	tag_try(tag_mode);
#endif
	if
	:: !got && is(SHARED) -> sharer_refused()
	:: else
	fi
}

#ifdef THREADS
inline may_wait_for_tag()
{
	d_step {
		got = !(sibling_holds || sibling_waits);
		waits_for_tag[me] = got
	}
}
#endif

/* The descriptor is the caller's and stays open. */
inline table_close_borrowed()
{
	d_step {
#ifdef THREADS
		holds[me] = false;
		waits_for_tag[me] = false;
		claims[me] = false;
		if
		:: file_is_in_use || (!has_tag[me] && sibling_waits)
		:: else ->
			my.tag = tags_of_others;
			if
			:: sibling_is_here -> has_tag[sibling] = false
			:: else
			fi
		fi;
#else
		my.tag = tags_of_others;
#endif
		has_tag[me] = false
	}
}

/* What a sibling holds, it goes on to show. */
inline give_tag_back()
{
	d_step {
#ifdef THREADS
		waits_for_tag[me] = false;
		if
		:: sibling_holds
		:: else ->
			my.tag = tags_of_others;
			if
			:: sibling_is_here -> has_tag[sibling] = false
			:: else
			fi
		fi;
#else
		my.tag = tags_of_others;
#endif
		has_tag[me] = false
	}
}

/* ---- protocol.c: acquire --------------------------------------------- */

/*
 * Without waiting.  Among sharers only the body decides: the tag may be a
 * waiter's.  A body that only a remover has is not held.
 */
inline lock_now()
{
#ifdef THREADS
	if
	:: sibling_holds -> got = true  /* it needs the tag in its mode */
	:: else -> tag_try(tag_mode)
	fi;
#else
	tag_try(tag_mode);
#endif
	answer = GOT;
	if
	:: !got && is(SHARED) -> got = true
	:: !got && !is(SHARED) ->
		/* A remover's, for as long as its body is, or in passing. */
		test_body(mode);
		if
		:: got ->
			tag_try(tag_mode);
			if
			:: !got -> answer = BUSY
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	if
	:: got ->
		body_try(mode);
		if
		:: got -> answer = GOT
		:: else -> test_body(mode)
		fi
	:: else
	fi
}

/*
 * The tag, then the body without waiting.  If the body is refused, its holder
 * has lost its tag: then ours would name a waiter, and we give it back, but not
 * at once: the holder may have been killed.  That a later attempt is granted is
 * the same as a single one that comes late.
 */
inline lock_waiting()
{
#ifndef THREADS
	d_step { claim(TAG, !(my.tag & mine)) };
#endif
	if
#ifndef NO_PRESENCE
	:: !is(KEEP) -> presence_share()
#endif
	:: else
	fi;
#ifdef THREADS
	may_wait_for_tag();
	if
	:: got -> tag_wait(tag_mode)
	:: else -> place_wait(tag_mode)
	fi;
#else
	tag_wait(tag_mode);
#endif
	if
	:: got ->
		body_try(mode);
#if defined PATIENT && !defined MUTANT_IMPATIENT
		/* The system shows whether a process is ending. */
		if
		:: !got -> dying == NONE; body_try(mode)
		:: else
		fi;
#endif
		if
		:: got -> answer = GOT
		:: !got && is(TIMED) -> answer = CANCELLED
		:: !got ->
#ifdef THREADS
			if
			:: my.place & mine ->
#ifdef MUTANT_PLACE_KEPT
				skip
#else
				place_unlock()
#endif
			:: else -> give_tag_back()
			fi;
#elif !defined MUTANT_TAG_KEPT
			give_tag_back();
#endif
			body_wait(mode, is(TIMED));
			answer = (got -> GOT : CANCELLED)
		fi
	:: else -> answer = CANCELLED
	fi
}

/*
 * GOT and BUSY count only if the path still names the file.  The first attempt
 * of a wait with a bound is made without waiting (LF_NO_WAIT_KEEP_OPEN); if it
 * is refused, the open file goes on as a waiter (LF_WAIT).
 */
inline acquire()
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
	   if
	   :: answer == GOT ->
		atomic {
#ifndef MUTANT_NO_VERIFY
			file_is_at();
#endif
			if
			:: got -> enter(mode); have = mode
			:: else
			fi
		};
		if
		:: got -> table_hold(); break
		:: else ->
			body_unlock();
			presence_unlock();
			table_close()
		fi
	   :: answer == BUSY ->
		file_is_at();
		if
		:: got && is(TIMED) ->
			sharer_refused();
#ifndef MUTANT_FIRST_TAG_KEPT
			if
			:: has_tag[me] -> give_tag_back()
			:: else
			fi;
#endif
			waits = true
		:: got && !is(TIMED) -> break
		:: else -> table_close()
		fi
	   :: answer == REMOVER -> table_close(); pause()
	   :: answer == CANCELLED -> break
	   fi
	od
}

/* ---- convert.c ------------------------------------------------------- */

/*
 * At first without waiting; refused, with a bound where the caller may wait.
 * Then it has what it had: what the kernel granted at the last moment is given
 * back.  A process that holds the body for reading keeps all others from
 * unlinking, so the path need not be verified again.
 */
inline convert_to_exclusive()
{
#ifdef MUTANT_UPGRADE_WITH_GAP
	d_step { holders = by_others(holders); have = NOTHING };
	tag_unlock();
	body_unlock();
#endif
	body_try(WRITE);
	if
	:: !got && is(WAIT) ->
		tag_try(have);
#ifdef MUTANT_UPGRADE_UNBOUNDED
		body_wait(WRITE, false)
#else
		body_wait(WRITE, true);
#ifndef MUTANT_UPGRADE_LEAKS
		if
		:: !got -> body_try(have); got = false
		:: else
		fi
#endif
#endif
	:: else
	fi;
	if
	:: got ->
		d_step { enter(WRITE); have = WRITE };
		tag_try(WRITE)          /* refused: it stays as it was */
	:: else -> tag_try(have)
	fi
}

/* The body is granted always, the tag unless it has been lost. */
inline convert_to_shared()
{
	d_step { holders = given(holders, READ); have = READ };
#ifdef MUTANT_DOWNGRADE_WITH_GAP
	body_unlock();
#endif
	body_try(READ);
	tag_try(READ)
}

/* ---- protocol.c: release, and giving up ------------------------------ */

/*
 * Only a process that holds the body exclusively at that moment unlinks.
 * Presence decides whether to remove, never whether that is safe.
 */
inline leave(have)
{
	leaves();
#ifdef MUTANT_BODY_BEFORE_PRESENCE
	if
	:: have == NOTHING ->
		body_try_to_remove(have);
		if
		:: got -> have = WRITE
		:: else -> have = 255   /* a holder will remove it */
		fi
	:: else
	fi;
#endif
	do
#ifdef MUTANT_BODY_BEFORE_PRESENCE
	:: have == 255 -> break
	:: have != 255 ->
#else
	::
#endif
	   presence_is_alone();
	   if
	   :: !got && have == NOTHING ->
		break                   /* another process will remove it */
	   :: !got && have != NOTHING ->
#ifdef MUTANT_READ_KEPT_FOR_PRESENCE
		if
		:: have == READ
		:: else -> body_unlock()
		fi;
#else
		body_unlock();
#endif
		have = NOTHING;         /* look again, no longer in the way */
#ifdef MUTANT_NO_SECOND_LOOK
		break
#endif
	   :: got ->
		if
#ifdef MUTANT_UNLINK_WITH_READ
		:: have == READ
#endif
#ifdef MUTANT_GIVE_UP_WITHOUT_BODY
		:: have == NOTHING
#endif
		:: else -> body_try_to_remove(have)
		fi;
		if
		:: got ->
#ifdef MUTANT_UNLINK_WITHOUT_BODY
			body_unlock();
#endif
#ifndef MUTANT_UNLINK_UNCHECKED
			file_is_at();
#endif
			if
			:: got -> path_unlink(true)
			:: else
			fi;
#ifndef MUTANT_CLOSE_ALONE
#ifndef THREADS
			place_unlock();
#endif
			body_unlock();
			presence_unlock();
#endif
			break
		:: else ->
#ifdef MUTANT_READ_KEPT_FOR_LOOK
			if
			:: have == READ
			:: else -> body_unlock(); have = NOTHING
			fi;
#else
			body_unlock();
			have = NOTHING;
#endif
#ifdef MUTANT_LOOK_BEFORE_DROP
			body_test();
			presence_unlock();
#else
			presence_unlock();
			body_test();
#endif
			if
#ifdef MUTANT_NO_LOOK_AFTER_REFUSAL
			:: break
#else
			:: !got -> break /* a holder will remove it */
			:: relying -> break /* byte 0 is locked for long */
			:: else          /* none is left: look again */
#endif
			fi
		fi
	   fi
	od;
#ifdef THREADS
	body_unlock();
	presence_unlock();
#endif
	table_close()
}

/* ---- the cast -------------------------------------------------------- */

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
 * A foreign program that locks byte 0 alone, or the far end alone, and relies on
 * the file while it has it.
 */
#define BYTE_0    0
#define FAR_END   1

proctype foreign(byte me; byte part; byte how)
{
	bool got, is_open;

	file_open();
	if
	:: part == BYTE_0 -> tag_try(how)
	:: part == FAR_END -> range_try(how, my.far_end)
	fi;
	if
	:: got ->
		d_step { file_is_at(); relying = got };
		relying = false
	:: else
	fi;
	d_step { my.far_end = by_others(my.far_end); table_close() };
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

/* ---- scenarios ------------------------------------------------------- */

#define ours(number, kind)   comes(kind); run process(number, kind)
#define borrows(number, kind) comes(KEEP); run borrower(number, kind + KEEP)
#define theirs(number, kind) comes(kind); run original(number, kind)
#define foreigner(number, part, how)                                     \
	comes(KEEP); run foreign(number, part, how)
#define flocks(number, kind) comes(KEEP); run flock_too(number, kind + KEEP)
#define flock_alone(number, kind) comes(KEEP); run flock_user(number, kind + KEEP)
#define flock_and_records(number, order) comes(KEEP); run both_user(number, order)
#ifdef MUTANT_NETWORK_REMOVES
#define STAYS     0
#else
#define STAYS     KEEP
#endif
#define comes(kind)          running++; kept = kept || ((kind) & KEEP)

inline cast()
{
#if defined SCENARIO_REMOVE
	ours(0, WAIT); ours(1, WAIT); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_GIVE_UP
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); ours(2, NO_WAIT)
#elif defined SCENARIO_ORIGINAL
	ours(0, WAIT + AGAIN); ours(1, TIMED); theirs(2, WAIT + AGAIN)
#elif defined SCENARIO_KEEP
	ours(0, WAIT + KEEP); ours(1, TIMED); theirs(2, WAIT);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_KEEP_TIMED
	ours(0, TIMED + KEEP); ours(1, TIMED); ours(2, NO_WAIT + KEEP);
	theirs(3, WAIT)
#elif defined SCENARIO_STRAY
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_STRAY_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); theirs(2, WAIT);
	run stray(0); run stray(1)
#elif defined SCENARIO_FORK
	ours(0, WAIT + DAEMON); ours(1, TIMED + DAEMON); ours(2, NO_WAIT)
#elif defined SCENARIO_KILL
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT);
	run killer(0); run killer(1)
#elif defined SCENARIO_KILL_MIXED
	ours(0, WAIT); ours(1, NO_WAIT); theirs(2, WAIT);
	run killer(0); run killer(1); run killer(2)
#elif defined SCENARIO_KILL_FORK
	ours(0, WAIT + FORK); ours(1, TIMED); ours(2, NO_WAIT); run killer(0)
#elif defined SCENARIO_TWO_NO_WAIT
	ours(0, NO_WAIT); ours(1, NO_WAIT); run stray(0); run stray(1)
#elif defined SCENARIO_TIMED_NO_WAIT
	ours(0, TIMED); ours(1, NO_WAIT); ours(2, NO_WAIT)
#elif defined SCENARIO_FOUR_NO_WAIT
	ours(0, NO_WAIT); ours(1, NO_WAIT); ours(2, NO_WAIT); ours(3, NO_WAIT)
#elif defined SCENARIO_SERVED
	ours(0, WAIT); ours(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_SERVED_MIXED
	ours(0, WAIT); ours(1, NO_WAIT); theirs(2, WAIT); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_SERVED_KILL
	ours(0, WAIT + FORK); ours(1, WAIT); run killer(0); run stray(0)
#elif defined SCENARIO_QUEUED
	ours(0, WAIT); ours(1, WAIT + AGAIN); ours(2, NO_WAIT + AGAIN)
#elif defined SCENARIO_QUEUED_STRAY
	ours(0, WAIT); ours(1, TIMED + AGAIN); run stray(0); run stray(1)
#elif defined SCENARIO_SHARED
	ours(0, WAIT + SHARED); ours(1, WAIT); ours(2, SHARED); ours(3, NO_WAIT)
#elif defined SCENARIO_SHARED_GIVE_UP
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, TIMED)
#elif defined SCENARIO_SHARED_ALONE
	ours(0, WAIT + SHARED); ours(1, SHARED); ours(2, SHARED)
#elif defined SCENARIO_SHARED_AGAIN
	ours(0, WAIT + SHARED + AGAIN); ours(1, SHARED + AGAIN);
	ours(2, WAIT)
#elif defined SCENARIO_SHARED_ORIGINAL
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, NO_WAIT);
	theirs(3, WAIT)
#elif defined SCENARIO_SHARED_KEEP
	ours(0, WAIT + SHARED + KEEP); ours(1, TIMED + SHARED); ours(2, WAIT);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_SHARED_STRAY
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_SHARED_FORK
	ours(0, WAIT + SHARED + DAEMON); ours(1, TIMED + SHARED + DAEMON);
	ours(2, WAIT)
#elif defined SCENARIO_SHARED_KILL
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT);
	run killer(0)
#elif defined SCENARIO_CONVERT
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + CONVERT);
	ours(2, TIMED)
#elif defined SCENARIO_CONVERT_SHARED
	ours(0, WAIT + SHARED + CONVERT); ours(1, TIMED + CONVERT);
	ours(2, TIMED + SHARED)
#elif defined SCENARIO_UPGRADE
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + SHARED + CONVERT);
	ours(2, WAIT)
#elif defined SCENARIO_CONVERT_AGAIN
	ours(0, WAIT + SHARED + CONVERT + AGAIN); ours(1, TIMED + CONVERT + AGAIN)
#elif defined SCENARIO_CONVERT_ORIGINAL
	ours(0, WAIT + SHARED + CONVERT); ours(1, TIMED + CONVERT);
	theirs(2, WAIT)
#elif defined SCENARIO_CONVERT_KEEP
	ours(0, WAIT + SHARED + CONVERT + KEEP); ours(1, WAIT + CONVERT);
	theirs(2, WAIT); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_CONVERT_STRAY
	ours(0, WAIT + SHARED + CONVERT); ours(1, SHARED + CONVERT); ours(2, WAIT);
	run stray(0); run stray(1)
#elif defined SCENARIO_CONVERT_FORK
	ours(0, WAIT + SHARED + CONVERT + DAEMON); ours(1, TIMED + CONVERT);
	ours(2, NO_WAIT)
#elif defined SCENARIO_CONVERT_KILL
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + CONVERT);
	run killer(0); run killer(1)
#elif defined SCENARIO_TWO_NO_WAIT_SHARED
	ours(0, SHARED); ours(1, NO_WAIT); run stray(0); run stray(1)
#elif defined SCENARIO_THREE_NO_WAIT_SHARED
	ours(0, SHARED); ours(1, SHARED); ours(2, NO_WAIT)
#elif defined SCENARIO_SHARERS
	ours(0, SHARED + KEEP); ours(1, SHARED + KEEP);
	ours(2, WAIT + SHARED + KEEP);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_SHARERS_REMOVE
	ours(0, SHARED); ours(1, SHARED); ours(2, TIMED + SHARED)
#elif defined SCENARIO_SERVED_SHARED
	ours(0, WAIT + SHARED); ours(1, WAIT); ours(2, TIMED + SHARED)
#elif defined SCENARIO_SERVED_CONVERT
	ours(0, WAIT); ours(1, WAIT + SHARED + CONVERT); ours(2, SHARED + CONVERT)
#elif defined SCENARIO_SERVED_SHARED_MIXED
	ours(0, WAIT + SHARED); ours(1, WAIT + SHARED + CONVERT); theirs(2, WAIT)
#elif defined SCENARIO_QUEUED_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + AGAIN); run stray(0);
	run stray(1)
#elif defined SCENARIO_QUEUED_SHARER
	ours(0, WAIT); ours(1, TIMED + SHARED + AGAIN); run stray(0);
	run stray(1)
#elif defined SCENARIO_QUEUED_CONVERT
	ours(0, WAIT); ours(1, WAIT + SHARED + CONVERT + AGAIN)
#elif defined SCENARIO_KILL_QUEUE
	ours(0, WAIT); ours(1, WAIT); ours(2, WAIT); run killer(0)
#elif defined SCENARIO_FOREIGN_0
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, BYTE_0, WRITE)
#elif defined SCENARIO_FOREIGN_0_READ
	ours(0, WAIT); ours(1, SHARED); foreigner(2, BYTE_0, READ)
#elif defined SCENARIO_FOREIGN_0_STRAY
	ours(0, WAIT); ours(1, TIMED); foreigner(2, BYTE_0, WRITE); run stray(0)
#elif defined SCENARIO_FOREIGN_END
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, FAR_END, WRITE)
#elif defined SCENARIO_FOREIGN_END_READ
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, FAR_END, READ)
#elif defined SCENARIO_THREADS
	ours(0, WAIT); ours(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_THREADS_TIMED
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT)
#elif defined SCENARIO_THREADS_SHARED
	ours(0, SHARED); ours(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_BORROW
	borrows(0, WAIT); borrows(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_BORROW_TIMED
	borrows(0, TIMED); borrows(1, NO_WAIT); ours(2, WAIT + SHARED);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_THREADS_BORROW
	ours(0, WAIT + KEEP); borrows(1, WAIT); ours(2, WAIT + KEEP)
#elif defined SCENARIO_THREADS_END
	ours(0, SHARED); ours(1, WAIT); ours(2, WAIT); foreigner(3, FAR_END, WRITE)
#elif defined SCENARIO_FLOCK
	flocks(0, WAIT); flocks(1, WAIT); flocks(2, WAIT)
#elif defined SCENARIO_FLOCK_SHARED
	flocks(0, WAIT + SHARED); flocks(1, WAIT); flocks(2, WAIT + SHARED)
#elif defined SCENARIO_FLOCK_REMOVE
	flocks(0, WAIT); flocks(1, TIMED); ours(2, WAIT)
#elif defined SCENARIO_FLOCK_USER
	flocks(0, WAIT); flocks(1, TIMED); flock_alone(2, WAIT);
	ours(3, NO_WAIT + KEEP)
#elif defined SCENARIO_FLOCK_USER_SHARED
	flocks(0, WAIT + SHARED); flocks(1, NO_WAIT); flock_alone(2, WAIT + SHARED);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_RECORDS_FIRST
	flocks(0, WAIT); flocks(1, TIMED); flock_and_records(2, RECORDS_FIRST);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_FLOCK_FIRST
	flocks(0, WAIT); flocks(1, TIMED); flock_and_records(2, FLOCK_FIRST);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_KILL
	flocks(0, WAIT); flocks(1, WAIT); flock_alone(2, WAIT); run killer(0)
#elif defined SCENARIO_SERVED_FLOCK
	flocks(0, WAIT); flocks(1, WAIT); flock_alone(2, WAIT)
#elif defined SCENARIO_SERVED_FLOCK_MIXED
	flocks(0, WAIT); flocks(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_NETWORK
	ours(0, WAIT + STAYS); ours(1, TIMED + STAYS); ours(2, STAYS);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_NETWORK_SHARED
	ours(0, WAIT + SHARED + STAYS); ours(1, TIMED + SHARED + STAYS);
	ours(2, WAIT + STAYS); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_OF_PROCESS
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_OF_PROCESS_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT)
#elif defined SCENARIO_OF_PROCESS_KEEP
	ours(0, WAIT + KEEP + AGAIN); ours(1, TIMED + KEEP); theirs(2, WAIT + KEEP)
#elif defined SCENARIO_SERVED_OF_PROCESS
	ours(0, WAIT); ours(1, WAIT); theirs(2, WAIT)
#elif defined SCENARIO_NO_PRESENCE
	ours(0, WAIT); ours(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_NO_PRESENCE_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT)
#else
#error "name a scenario"
#endif
}

/* The owners that do not refuse process 0, in queued_is_served. */
#ifdef SCENARIO_QUEUED_SHARED
#define ADMITS_0 15             /* all readers */
#else
#define ADMITS_0 0              /* none */
#endif

init
{
	byte i;

	atomic {
		if
		:: path = NONE
		:: path = 0             /* left behind earlier */
		fi;
		cast()
	};
	running == 0 ->
	all_left = true;
	d_step {
#ifndef KILLED
		claim(GONE, path == NONE || kept);
#endif
#ifdef ALL_MAY_FAIL
		claim(ONE_WINS, won);
#endif
		do
		:: i < INODES ->
			claim(CLEAN, inodes[i].tag == 0 &&
			    inodes[i].place == 0 && inodes[i].body == 0 &&
			    inodes[i].gap == 0 && inodes[i].far_end == 0 &&
			    inodes[i].sharers == 0 &&
			    inodes[i].alone == NONE);
			i++
		:: else -> break
		od
	}
}

/* ---- fairness -------------------------------------------------------- */

/*
 * served: all leave in the end, in every run in which no process that could go
 * on for ever is left standing for ever (Spin's weak fairness).  Each comes
 * once; so only the protocol itself could keep a waiter from the lock for ever.
 *
 * queued_is_served: the same for a waiter among others that come back without
 * end, from the moment when it has presence on the file at the path.  Weak
 * fairness is not enough here: no kernel promises that a waiter that it has
 * woken gets the lock before a newcomer.  The assumption is strong fairness of
 * its two waits instead: if the mark is free over and over again, the waiter
 * gets it in the end.  (The second half of the formula is a run that breaks this
 * assumption: the waiter is blocked for ever at a mark that is free over and
 * over again.)  Linux does more: it wakes the first waiter first.
 *
 * Before that moment there is no such promise, and cannot be: while each open
 * meets a file that is removed just then, a waiter starts over.  The same goes
 * for a waiter among originals that come back without end, because they remove
 * the file under it; and for a waiter among several sharers that come back
 * without end, because there may always be one of them.
 */
#ifdef SERVED
ltl served { <> all_left }
#elif defined QUEUED
ltl queued_is_served { 
	[] (queued -> <> got_it) || (<> [] (blocked != 0) && [] <> lock_is_free)
}
#endif
