//go:build unix

package execute

import "os"

// superuser reports whether steps run as root.
func superuser() *bool {
	root := os.Geteuid() == 0
	return &root
}
