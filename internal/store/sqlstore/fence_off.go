//go:build weir_nofence

package sqlstore

// fencing is off: late and foreign reports count like any other.
const fencing = false
