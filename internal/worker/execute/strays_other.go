//go:build !linux

package execute

// killStrays does nothing: other systems do not say which process has which
// environment.
func killStrays(string) {}

// Adopt does nothing on this system.
func Adopt() error { return nil }

// childless cannot be known on this system.
func childless() bool { return false }
