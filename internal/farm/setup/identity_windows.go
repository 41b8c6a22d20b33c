package setup

import "io/fs"

// identity is not known without opening the file; size and time have to do.
func identity(fs.FileInfo) string { return "" }
