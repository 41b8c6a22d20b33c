//go:build !race

package farm

const raceDetector = false
