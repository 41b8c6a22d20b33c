//go:build !race

package farmtest_test

const (
	// hugeTests is how many tests of 1 MB each a huge result file has.
	hugeTests = 200
	// lastStage is up to which stage the history of the ecosystem is played: all.
	lastStage = 99
	// memoryBuilds is after how many builds the memory has to be as before.
	memoryBuilds = 1500
)
