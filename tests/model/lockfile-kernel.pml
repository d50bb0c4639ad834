/* SPDX-License-Identifier: 0BSD */
/*
 * A part of lockfile.pml: what a scenario chooses, and the kernel with its inodes,
 * the path, the locks and their owners.
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

/* What a scenario needs; see lockfile-scenarios.pml. */
#if defined SCENARIO_KILL || defined SCENARIO_KILL_MIXED || \
    defined SCENARIO_KILL_FORK || defined SCENARIO_SERVED_KILL || \
    defined SCENARIO_SHARED_KILL || defined SCENARIO_CONVERT_KILL || \
    defined SCENARIO_KILL_QUEUE || defined SCENARIO_FLOCK_KILL || \
    defined SCENARIO_KILL_AGAIN
#define KILLED
#endif
#if defined SCENARIO_SERVED || defined SCENARIO_SERVED_MIXED || \
    defined SCENARIO_SERVED_KILL || defined SCENARIO_SERVED_SHARED || \
    defined SCENARIO_SERVED_CONVERT || defined SCENARIO_SERVED_SHARED_MIXED || \
    defined SCENARIO_SERVED_FLOCK || defined SCENARIO_SERVED_FLOCK_MIXED || \
    defined SCENARIO_SERVED_OF_PROCESS || defined SCENARIO_SERVED_FOREIGN_0 || \
    defined SCENARIO_SERVED_FOREIGN_BODY
#define SERVED
#endif
#if defined SCENARIO_SERVED_FOREIGN_0 || defined SCENARIO_SERVED_FOREIGN_BODY
#define FOREIGN_STAYS
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
#if defined SCENARIO_NETWORK || defined SCENARIO_NETWORK_SHARED || \
    defined SCENARIO_NETWORK_AGAIN
#define NO_TAG
#define NO_PRESENCE
#define CACHED
#endif
#if defined SCENARIO_OF_PROCESS || defined SCENARIO_OF_PROCESS_SHARED || \
    defined SCENARIO_OF_PROCESS_KEEP || defined SCENARIO_SERVED_OF_PROCESS || \
    defined SCENARIO_OF_PROCESS_AGAIN
#define NO_TAG
#define NO_PRESENCE
#define OF_PROCESS
#endif
/* rule: presence-on-linux */
#if (defined SCENARIO_NO_PRESENCE || defined SCENARIO_NO_PRESENCE_SHARED || \
    defined SCENARIO_NO_PRESENCE_AGAIN) && !defined MUTANT_PRESENCE_IN_LIST
#define NO_PRESENCE
#endif

/* Answers; CANCELLED is also that of a wait whose time is up. */
mtype = { GOT, BUSY, START_OVER, REMOVER, CANCELLED }

/* How a range is locked: see range_try. */
#define NOTHING   0
#define READ      1
#define WRITE     16
#define mode      (is(SHARED) -> READ : WRITE)
/* rule: shared-tag */
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
bool for_long;                  /* ... has a range locked, wherever its file is */
byte wrongly;                   /* set of those whose refusal does not count, see HELD */
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
    FOREIGN = true, NEXT = true, REST = true, PLACE = true, HELD = true;

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
/*
 * A wait on a borrowed descriptor has nothing that a close would drop.
 * rule: park-for-holder
 */
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
