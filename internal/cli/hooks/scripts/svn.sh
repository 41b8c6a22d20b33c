#!/bin/sh
# A post-commit hook for Subversion: tells a Weir farm that something was committed. It
# never fails and never delays a commit. Put it into the repository on the server as
# hooks/post-commit, and make it executable.

@COMMON@
revision=$2
(
	trap '' HUP
	tell '' '' "$revision"
) >/dev/null 2>&1 </dev/null &
exit 0
