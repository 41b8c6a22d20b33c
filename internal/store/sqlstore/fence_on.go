//go:build !weir_nofence

package sqlstore

// fencing is whether attempts are held against their tokens, and leases
// against their epochs. It is off in no program that anybody runs: tests that
// look for double work are shown a store that allows it.
const fencing = true
