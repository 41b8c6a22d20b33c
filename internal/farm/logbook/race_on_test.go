//go:build race

package logbook

const raceDetector = true
