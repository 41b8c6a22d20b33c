package execute

import "golang.org/x/sys/windows"

// superuser reports whether steps run with the rights of an administrator.
func superuser() *bool {
	elevated := windows.GetCurrentProcessToken().IsElevated()
	return &elevated
}
