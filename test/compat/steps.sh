# Sourced by the sessions: what makes the output of two engines comparable.
: "${E:?the engine}" "${ARCHIVE:?the image archive}"
BOX=localhost/box:latest

# same makes ids, times and sizes equal.
same() {
	sed -E -e "s/${REGISTRY:?its address}/<registry>/g" -e 's/\b(sha256:)?[0-9a-f]{64}\b/<id>/g' -e 's/\b[0-9a-f]{12}\b/<short>/g' \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+( ?[+-][0-9]{4} [A-Z]+|Z|[+-][0-9:]+)?/<time>/g' \
		-e 's/(Up |Exited \([0-9]+\) |^|[[:space:]])(Less than a second|About a minute|[0-9]+ (seconds?|minutes?|hours?|days?|weeks?|months?|years?))( ago)?/\1<duration>/g' \
		-e 's/[0-9.]+ ?[kMG]?B\b/<size>/g' -e 's/ +/ /g'
}

# step NAME COMMAND...
step() {
	local name=$1 out code
	shift
	out=$("$@" 2>/dev/null </dev/null)
	code=$?
	printf '## %s\nexit %s\n' "$name" "$code"
	[ -z "$out" ] || printf '%s\n' "$out" | same
}
shell() { bash -c "$1"; }
export E BOX
