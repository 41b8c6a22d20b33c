//go:build !linux

package shell

// KillStrays does nothing: other systems do not say which process has which
// environment.
func KillStrays(string) {}

// Adopt does nothing on this system.
func Adopt() error { return nil }

// Childless cannot be known on this system.
func Childless() bool { return false }
