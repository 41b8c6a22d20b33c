// Package chaos runs a farm of real processes, does its worst to them, and
// then checks that nothing was lost, doubled or told wrong.
//
// A run has three parts. The script ([Script]) says which faults happen when;
// it follows from a seed, so that it can be played again. While it is played,
// a farm (one server on SQLite or two on PostgreSQL, and four workers behind a
// [Proxy]) has more to do than it can: builds that print numbered lines. When
// all is healed and the farm has become quiet, [Check] holds what the farm
// says happened against what the builds wrote into a file outside of it.
//
// The faults:
//
//	processes  killed, stopped and continued, asked to end: servers, worker
//	           programs, supervisors, whole machines
//	network    cut, slow, silent, closed on one side; messages sent twice,
//	           long after their answer, or without anybody who waits for it
//	machines   a full disk, a clock that is set
//
// Servers and workers are the program itself, built with the tag weir_chaos,
// which lets a test set the clock and shorten leases. What the suite is worth
// is shown by building the program with a known mistake (tags weir_nofence and
// weir_noseq): it has to be found.
package chaos
