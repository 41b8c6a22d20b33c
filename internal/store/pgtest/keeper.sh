# The keeper of a private PostgreSQL cluster: makes it, says "ready", waits for
# the end of its input, and leaves nothing behind.
# Arguments: the directory to make, the directory of PostgreSQL's programs, the superuser.
dir=$1 bin=$2 user=$3 pid=

# Whoever started us may be gone when we speak.
trap '' PIPE HUP INT TERM

finish() {
	if [ -n "$pid" ]; then
		kill -QUIT "$pid" 2>/dev/null
		wait "$pid"
	fi
	cd / && rm -rf "$dir"
	exit "$1"
}

fail() {
	echo "$1"
	tail -n 20 "$dir/log" 2>/dev/null
	finish 1
}

mkdir -m 700 "$dir" || exit 1
cd "$dir" || fail "cannot enter $dir"

"$bin/initdb" -D data -U "$user" -A trust -E UTF8 --locale=C --no-sync --no-instructions \
	>log 2>&1 </dev/null || fail "initdb did not work:"

"$bin/postgres" -D data -k "$dir" -c listen_addresses= -c unix_socket_permissions=0700 \
	-c max_connections=300 -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
	-c dynamic_shared_memory_type=mmap -c autovacuum=off >log 2>&1 </dev/null &
pid=$!

tries=0
until "$bin/pg_isready" -q -h "$dir" -U "$user" -d postgres; do
	kill -0 "$pid" 2>/dev/null || fail "PostgreSQL did not start:"
	tries=$((tries + 1))
	[ "$tries" -lt 4000 ] || fail "PostgreSQL does not answer:"
	sleep 0.05
done
echo ready

# Nothing is ever sent: this returns when the other end is closed.
read -r _
finish 0
