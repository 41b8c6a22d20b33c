package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Samples are the values of one figure, in its row's unit.
type Samples []float64

// Quantile is the value below which the given part (0 to 1) of the samples
// lies, by the nearest rank; NaN if there are none.
func (s Samples) Quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Median is the middle of the samples; NaN if there are none.
func (s Samples) Median() float64 {
	if len(s) > 0 && len(s)%2 == 0 {
		sorted := slices.Sorted(slices.Values(s))
		return (sorted[len(s)/2-1] + sorted[len(s)/2]) / 2
	}
	return s.Quantile(0.5)
}

// Unit says how a number is written.
type Unit string

// The units of figures.
const (
	Seconds   Unit = "s"
	Bytes     Unit = "bytes"
	PerSecond Unit = "per s"
	Times     Unit = "times"
	Count     Unit = "count"
)

// Format writes a number for people, with three digits that matter.
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case u == Seconds && math.Abs(v) < 0.001:
		return digits(v*1e6) + " µs"
	case u == Seconds && math.Abs(v) < 1:
		return digits(v*1e3) + " ms"
	case u == Seconds:
		return digits(v) + " s"
	case u == Bytes && math.Abs(v) < 1e3:
		return digits(v) + " B"
	case u == Bytes && math.Abs(v) < 1e6:
		return digits(v/1e3) + " KB"
	case u == Bytes && math.Abs(v) < 1e9:
		return digits(v/1e6) + " MB"
	case u == Bytes:
		return digits(v/1e9) + " GB"
	case u == PerSecond:
		return digits(v) + " /s"
	case u == Times:
		return digits(v) + "×"
	}
	return digits(v)
}

// digits rounds to three digits that matter, without an exponent.
func digits(v float64) string {
	if v == 0 || math.IsInf(v, 0) {
		return fmt.Sprint(v)
	}
	places := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if places <= 0 {
		scale := math.Pow(10, float64(-places))
		if math.Abs(v) < 1e6 {
			scale = 1
		}
		return strconv.FormatFloat(math.Round(v/scale)*scale, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', min(places, 6), 64)
}

// seconds is a duration as a sample.
func seconds(d time.Duration) float64 { return d.Seconds() }
