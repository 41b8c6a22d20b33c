//go:build !race

package farmtest_test

// hugeTests is how many tests of 1 MB each a huge result file has.
const hugeTests = 200
