// Package leasemodel is a model of the lease protocol that is small enough to
// be looked at completely: every order of events, up to a stated size.
//
// The farm promises that it loses no build and no log line, whatever is
// killed and whatever the network does (docs/decisions/0006-lease-protocol.md).
// Tests try some orders of events; this package tries all of them. It has
// three parts:
//
//   - [Explore] walks through all states that a machine can reach, breadth
//     first, holds every step against what must be true, and prints the
//     shortest way to where it is not. It knows nothing of leases.
//   - The model. server.go is what the verbs of store.Leaser do to the
//     database, as a pure function; a server that is killed is one whose answer
//     is lost, since it remembers nothing. worker.go is the worker program,
//     which may be killed, its supervisors, which may die on their own, and
//     its spools, which outlive both. network.go loses, delays, reorders and
//     doubles messages. Leases may expire at any moment: no clock is trusted.
//   - What must be true: invariants.go. Nothing that is wrong may ever happen,
//     and from every state that can be reached the farm comes to rest, with
//     every build ended and every spool empty, once there are no more faults.
//
// A model proves nothing by being quiet. Each [Flaw] takes one rule out of the
// protocol, and the tests demand that the checker finds what then goes wrong.
// And so that the model's server is the real one, the tests do the same to
// both, all short sequences and many long ones, and compare every answer and
// the whole state.
//
// Only tests use this package.
package leasemodel
