//go:build race

package farmtest_test

const (
	// hugeTests is how many tests of 1 MB each a huge result file has. The race
	// detector makes reading XML some twenty times slower.
	hugeTests = 10
	// lastStage is up to which stage the history of the ecosystem is played. SQLite, which is
	// translated C, is slow under the race detector too.
	lastStage = 3
	// memoryBuilds is after how many builds the memory has to be as before.
	memoryBuilds = 400
)
