//go:build !weir_noseq

package sqlstore

// ordering is whether syncs are held against their numbers, and log frames
// against where the log ends. It is off in no program that anybody runs: tests
// that look for lost and doubled lines are shown a store that makes them.
const ordering = true
