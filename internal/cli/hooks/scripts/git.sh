#!/bin/sh
# A post-receive hook for git: tells a Weir farm that branches or tags were pushed.
# It never fails and never delays a push. Put it into the repository on the server as
# hooks/post-receive, and make it executable.

@COMMON@
refs=$(cat)
(
	trap '' HUP
	count=0
	printf '%s\n' "$refs" | while read -r old new ref; do
		count=$((count + 1))
		if [ "$count" -gt 20 ]; then # too many to name: the farm looks at all
			tell '' '' ''
			break
		fi
		case $ref in
		refs/heads/*) tell "${ref#refs/heads/}" '' "$new" ;;
		refs/tags/*) tell '' "${ref#refs/tags/}" "$new" ;;
		esac
	done
) >/dev/null 2>&1 </dev/null &
exit 0
