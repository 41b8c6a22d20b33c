package chaos

// For tests.
var (
	KillAll   = killAll
	WorkFiles = workFiles
)

// Processes lists the ids of what processes finds.
func Processes(dir string) []int {
	var ids []int
	for _, p := range processes(dir) {
		ids = append(ids, p.pid)
	}
	return ids
}
