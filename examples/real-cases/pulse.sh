#!/bin/sh
# Adds COUNT empty commits to the repository data/pulse, one whenever the farm
# has nothing to do, so that each of them is built. Makes the repository first
# if there is none; with a COUNT of 0 that is all.
set -eu
count=${1:?usage: pulse.sh COUNT}
server=${WEIR_SERVER:-http://127.0.0.1:8710}
pulse=$(dirname "$0")/data/pulse

beat() {
	git -C "$pulse" -c user.name=Pulse -c user.email=pulse@pulse.example commit -q --allow-empty -m "$1"
}

if [ ! -e "$pulse/.git" ]; then
	git init -q -b main "$pulse"
	beat "the first beat"
fi
while [ "$count" -gt 0 ]; do
	# A commit is seen within a second; status ends with 1 if regressions are open.
	sleep 2
	if weir status --server "$server" | grep -q '^running 0, queued 0, blocked 0'; then
		beat "$count to come"
		count=$((count - 1))
	fi
done
