#!/bin/sh
# A step of a workflow: starts a service, and asks what its heap looks like once it has answered requests.
#
#     workflow.sh COMMAND...
#
# COMMAND is the service; it prints "ready" when it has had enough to do. The results are in the log, in audit.xml for the
# reports of GitHub, GitLab or Jenkins, and in the summary of GitHub's job. The step fails unless all is well, and also
# if that cannot be decided.
set -u
rules=${RULES:-$(dirname "$0")/shop.rules}

log=$(mktemp)
"$@" >"$log" &
service=$!
trap 'kill $service 2>/dev/null; rm -f "$log"' EXIT

# Waits for the service, which may also end before it is ready.
until grep -q '^ready$' "$log"; do
	kill -0 $service 2>/dev/null || { echo "::error::The service ended before it was ready"; exit 1; }
	sleep 0.1
done

# Nobody asks the service anything now, so that both calls see the same heap.
py-inspect audit $service --rules web-service --rules "$rules" --format junit >audit.xml
status=$?
py-inspect audit $service --rules web-service --rules "$rules" | tee audit.txt
{ echo '```'; cat audit.txt; echo '```'; } >>"${GITHUB_STEP_SUMMARY:-/dev/null}"

case $status in
0) ;;
1) echo "::error::The heap of the service breaks a rule" ;;
4) echo "::error::Some rules could not be decided" ;;
*) echo "::error::The service could not be audited" ;;
esac
exit $status
