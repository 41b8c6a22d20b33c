//go:build weir_noseq

package sqlstore

// ordering is off: what comes late or twice counts like anything else.
const ordering = false
