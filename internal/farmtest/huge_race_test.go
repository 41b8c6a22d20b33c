//go:build race

package farmtest_test

// hugeTests is how many tests of 1 MB each a huge result file has. The race
// detector makes reading XML some twenty times slower.
const hugeTests = 10
