//go:build !linux && !darwin

package execute

// LoadAverage is not known: this system does not say.
func LoadAverage() (float64, bool) { return 0, false }
