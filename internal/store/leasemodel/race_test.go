//go:build race

package leasemodel

// raced says that the race detector slows everything down.
const raced = true
