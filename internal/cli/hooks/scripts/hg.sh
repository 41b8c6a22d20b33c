#!/bin/sh
# A changegroup hook for Mercurial: tells a Weir farm that something was pushed. It
# never fails and never delays a push. Put it beside the repository on the server,
# make it executable, and name it in the repository's .hg/hgrc:
#
#   [hooks]
#   changegroup.weir = /path/to/this/file

@COMMON@
(
	trap '' HUP
	branches=$(hg log -r "$HG_NODE:${HG_NODE_LAST:-$HG_NODE}" -T '{branch}\n' | sort -u | head -n 20)
	if [ -z "$branches" ]; then
		tell '' '' ''
	fi
	printf '%s\n' "$branches" | while read -r branch; do
		[ -z "$branch" ] || tell "$branch" '' "$HG_NODE_LAST"
	done
) >/dev/null 2>&1 </dev/null &
exit 0
