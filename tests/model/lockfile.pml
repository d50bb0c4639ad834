/* SPDX-License-Identifier: 0BSD */
/*
 * lockfile.pml - the protocol of lib/protocol.c as a Spin model
 *
 * WHAT IT IS
 *
 * Up to four processes use one path.  Each is one of ours (`process',
 * `borrower') or a program that locks the whole file with lockf (`original').
 * Steps and answers have the names of the library, without lf_ and LF_, and the
 * parts are files, in this order:
 *
 *     lockfile-kernel     inodes, the path, the locks and their owners
 *     lockfile-marks      marks.c: tag, body, presence
 *     lockfile-file       file.c: open, verify; parked.c: close, the tag of a holder
 *     lockfile-protocol   protocol.c: lock_now, lock_waiting, acquire, leave;
 *                         convert.c: shared to exclusive, and back
 *     lockfile-cast       process, borrower, child, original, foreign, killer, stray;
 *                         with LF_FLOCK, and with flock(2): see flock-too.pml
 *     lockfile-scenarios  which processes take part; -DSCENARIO_NAME chooses one
 *
 * The claims about runs that do not end are in this file, after them.
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
 *   HELD        A caller that does not wait is refused only by a lock on the file that
 *               the path names at that moment; a sharer only by one of the body.
 *   FLOCKED, BARE, FREE, BOTH
 *               See flock-too.pml.
 *   no deadlock Spin's search for invalid end states.
 *   served, queued_is_served
 *               See "fairness" at the end.
 *
 * The claims in capitals, and the absence of deadlock, hold in every
 * interleaving; they assume no fairness.
 *
 * THE RULES
 *
 * A comment with `rule:' names each rule where the model follows it, and `run' fails
 * if one of them has no mutant.  Some steps of the library are not rules here, since no
 * claim depends on them:
 *
 *   - The order of the queue: a waiter takes presence before it waits for byte 0, and
 *     a remover unlocks byte 0 last.  Any waiter may be served next here.
 *   - The names: a holder tries for a tag that it does not have, and a thread leaves the
 *     tag of another thread as it is.
 *   - The second attempt at byte 0 of a caller that is refused it and finds no body.
 *     Without it more callers are refused by a process that is between two steps.  That
 *     breaks no claim: byte 0 is locked at that moment.
 *   - A conversion is refused where a foreign program has byte 0.  A holder that has
 *     lost its tag may have such a program beside it in any case.
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
 * - That processes come back without end includes every number of rounds.
 * - FUSE with locks of the kernel is as a local file system with files that are kept;
 *   a process of another machine has no locks here.
 * - A remover that finds byte 0 alone locked looks again without end, unless a
 *   foreign program has it.  The library stops after MOST_LOOKS.
 * - Left out: a program that read-locks exactly the byte of the gap while a remover has
 *   it, or a sharer; threads that come back, share a body (other backends) or convert;
 *   a file with content; adoption, which is in adopt.pml.
 */

#include "lockfile-kernel.pml"
#include "lockfile-marks.pml"
#include "lockfile-file.pml"
#include "lockfile-protocol.pml"
#include "lockfile-cast.pml"
#include "lockfile-scenarios.pml"

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
