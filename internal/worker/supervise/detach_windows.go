package supervise

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach gives the supervisor a console of its own that nobody sees, so that
// neither Ctrl-C nor the end of the worker's window reaches it, and steps can
// be sent Ctrl-Break.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
}

// polite are the signals that a supervisor does not listen to.
func polite() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
