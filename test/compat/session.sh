#!/bin/bash
# One session with the engine $E, step by step, in the words of podman-run(1) and its neighbours. Each step prints its exit
# code and its standard output, with what differs from run to run made equal; test/compat/compare puts two of them side by
# side. Messages on stderr are not compared: they are each engine's own.
set -u
. "$(dirname "$0")/steps.sh"

step 'load' "$E" load -q -i "$ARCHIVE"
step 'images' "$E" images --format '{{.Repository}} {{.Tag}}'
step 'images as a table' "$E" images
step 'run: output' "$E" run --rm --network none $BOX echo hello
step 'run: exit code' "$E" run --rm --network none $BOX sh -c 'exit 42'
step 'run: no such command' "$E" run --rm --network none $BOX no-such-command
step 'run: not executable' "$E" run --rm --network none $BOX /plain.txt
step 'run: directory as command' "$E" run --rm --network none $BOX /etc
step 'run: unknown flag' "$E" run --no-such-flag $BOX
step 'run: no such image' "$E" run --pull never localhost/nobody true
step 'run: bad reference' "$E" run 'UPPER::case' true
step 'run: bad name' "$E" run --name 'a b' $BOX true
step 'run: bad memory' "$E" run --memory 3x $BOX true
step 'run: environment' "$E" run --rm --network none --hostname h -e A=1 $BOX sh -c 'env | sort'
step 'run: user' "$E" run --rm --network none --user app $BOX id
step 'run: workdir' "$E" run --rm --network none -w /tmp $BOX pwd
step 'run: entrypoint' "$E" run --rm --network none --entrypoint echo $BOX x
step 'run: mounts' "$E" run --rm --network none --tmpfs /t -v /etc/hostname:/h:ro $BOX sh -c 'grep -c -e " /t " -e " /h " /proc/mounts'
step 'run: read-only' "$E" run --rm --network none --read-only $BOX sh -c 'touch /x; touch /tmp/x && echo tmp'
step 'run: ulimit' "$E" run --rm --network none --ulimit nofile=64:128 $BOX sh -c 'ulimit -Sn; ulimit -Hn'
step 'run: capabilities' "$E" run --rm --network none $BOX grep Cap /proc/self/status
step 'run: seccomp' "$E" run --rm --network none $BOX grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status
step 'run: devices' "$E" run --rm --network none $BOX sh -c 'ls /dev | sort'
step 'run: hosts' "$E" run --rm --name n --network none --hostname h --add-host x:10.0.0.1 $BOX cat /etc/hosts
step 'create' "$E" create --name c --label a=b --network none $BOX sleep 1000
step 'create: name in use' "$E" create --name c $BOX true
step 'ps of nothing running' "$E" ps
step 'ps -a' "$E" ps -a
step 'start' "$E" start c
step 'ps --format' "$E" ps --format '{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}'
step 'ps -q' "$E" ps -q
step 'ps --filter' "$E" ps -a --filter label=a=b --format '{{.Names}}'
step 'ps keys' shell '$E ps --format json | jq -r ".[0] | keys[]" | sort'
step 'exec' "$E" exec c echo inside
step 'exec: exit code' "$E" exec c sh -c 'exit 9'
step 'exec: no such command' "$E" exec c no-such-command
step 'inspect keys' shell '$E inspect c | jq -r ".[0] | keys[]" | sort'
step 'inspect .State keys' shell '$E inspect c | jq -r ".[0].State | keys[]" | sort'
step 'inspect .Config keys' shell '$E inspect c | jq -r ".[0].Config | keys[]" | sort'
step 'inspect .HostConfig keys' shell '$E inspect c | jq -r ".[0].HostConfig | keys[]" | sort'
step 'inspect values' "$E" inspect --format '{{.State.Status}} {{.State.Running}} {{.Config.Cmd}} {{.Config.Labels}} {{.HostConfig.NetworkMode}} {{.Name}}' c
step 'inspect: unknown' "$E" inspect nobody
step 'container exists' "$E" container exists c
step 'container exists: unknown' "$E" container exists nobody
step 'rm of a running one' "$E" rm c
step 'rename' "$E" rename c d
step 'stop' "$E" stop -t 0 d
step 'inspect exit code' "$E" inspect --format '{{.State.Status}} {{.State.ExitCode}}' d
step 'exec in a stopped one' "$E" exec d true
step 'logs' shell '$E run --name l --network none $BOX sh -c "echo 1; echo 2" >/dev/null; $E logs l'
step 'logs --tail' "$E" logs --tail 1 l
step 'wait' "$E" wait l d
step 'kill of a stopped one' "$E" kill l
step 'start -a' "$E" start -a l
step 'top-level: unknown command' "$E" no-such-command
step 'rm: unknown' "$E" rm nobody
step 'rm --ignore' "$E" rm --ignore nobody
step 'rm' "$E" rm l d
step 'tag' "$E" tag $BOX localhost/other:1
step 'rmi' "$E" rmi localhost/other:1
step 'image inspect' "$E" image inspect --format '{{.Os}} {{.Config.Cmd}} {{.Config.Env}} {{.RepoTags}}' $BOX
step 'save and load' shell '$E save -q -o "$TMPDIR/s.tar" $BOX && $E rmi $BOX >/dev/null && $E load -q -i "$TMPDIR/s.tar"'
step 'run -d' shell '$E run -d --name web --network none $BOX sh -c "trap \"exit 3\" TERM; echo up; while :; do sleep 0.1; done" | wc -l'
step 'logs -f until the end' shell '(until $E logs web | grep -q up; do :; done; $E stop -t 5 web >/dev/null) & $E logs -f web; wait'
step 'exit code after stop' "$E" wait web
step 'start again' "$E" start web
step 'exec under a terminal' shell 'script -qec "$E exec -it web sh -c \"tty; exit 4\"" /dev/null | tr -d "\r"; exit ${PIPESTATUS[0]}'
step 'restart' "$E" restart -t 0 web
step 'pause' "$E" pause web
step 'ps of a paused one' "$E" ps --format '{{.Names}} {{.State}}'
step 'exec in a paused one' "$E" exec web true
step 'unpause' "$E" unpause web
step 'kill' "$E" kill web
step 'wait after kill' "$E" wait web
step 'restart of a stopped one' "$E" restart -t 0 web
step 'rename to a taken name' shell '$E create --name taken $BOX true >/dev/null; $E rename web taken'
step 'stop of all' shell '$E stop -t 0 --all | wc -l'
step 'stop of a stopped one' "$E" stop web
step 'stop --ignore' "$E" stop --ignore nobody
step 'start --all with a filter' "$E" start --filter name=nobody
step 'pause of a stopped one' "$E" pause web
step 'attach to a stopped one' "$E" attach web
step 'logs: unknown' "$E" logs nobody
step 'wait: unknown' "$E" wait nobody
step 'rename: unknown' "$E" rename nobody x
step 'port of a stopped one' "$E" port web
step 'run --cidfile in use' shell 'echo >"$TMPDIR/cid"; $E run --cidfile "$TMPDIR/cid" --network none $BOX true'
step 'run: missing source' "$E" run --rm -v /no/such:/x $BOX true
step 'ps after a missing source' shell '$E ps -aq | wc -l'
step 'run --tz' "$E" run --rm --network none --tz Asia/Tokyo $BOX date +%z
step 'create: no such zone' "$E" create --tz No/Where $BOX true
step 'run -v :U' shell 'mkdir -p "$TMPDIR/u" && $E run --rm --network none -u 12:13 -v "$TMPDIR/u:/u:U" $BOX stat -c %u:%g /u; $E run --rm --network none -v "$TMPDIR/u:/u:U" $BOX true'
step 'run --ipc container' shell '$E run -d --name ipc --network none $BOX sh -c "echo x >/dev/shm/x; sleep 100" >/dev/null; until $E exec ipc cat /dev/shm/x; do :; done; $E run --rm --network none --ipc container:ipc $BOX cat /dev/shm/x'
step 'run --timeout' "$E" run --rm --network none --timeout 1 $BOX sleep 100
step 'run --env-file' shell 'echo A=b >"$TMPDIR/env"; $E run --rm --network none --env-file "$TMPDIR/env" $BOX sh -c "echo \$A"'
step 'run --init' "$E" run --rm --network none --umask 077 --shm-size 1m --sysctl net.core.somaxconn=100 $BOX sh -c 'umask; cat /proc/sys/net/core/somaxconn; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
step 'run --replace' shell '$E create --replace --name taken $BOX true | wc -l'
step 'rm --depend of all' shell '$E rm -af -t 0 | wc -l'
step 'container prune' "$E" container prune -f
step 'group: unknown command' "$E" container no-such-command
step 'too few arguments' "$E" rename one
step 'rmi: in use' shell '$E create --name user $BOX true >/dev/null; $E rmi $BOX'
step 'rmi: unknown' "$E" rmi nobody
step 'image exists: unknown' "$E" image exists nobody
step 'rm -f: unknown' "$E" rm -f nobody
step 'rm -f' "$E" rm -f user
step 'ps -a at the end' "$E" ps -aq

# The life of a container from a registry.
IMG=${REGISTRY:?its address}/box
export IMG
step 'pull' "$E" pull -q "$IMG"
step 'pull: unknown' "$E" pull -q "${IMG}no"
step 'registry: images' "$E" images --format '{{.Repository}}:{{.Tag}}' "$IMG"
step 'registry: run -d' shell '$E run -d --name web "$IMG" httpd -f -v -p 8080 | grep -cE "^[0-9a-f]{64}$"'
step 'registry: ps' "$E" ps --format '{{.Names}} {{.Image}} {{.Status}}'
step 'registry: exec a client' timeout 30 bash -c 'until $E exec web wget -qO /dev/null http://127.0.0.1:8080/etc/group; do :; done; echo reached'
step 'registry: logs -f' shell 'timeout 20 $E logs -f web 2>&1 | grep -m 1 -oE "response:[0-9]+"'
step 'registry: exec -it' shell 'script -qec "$E exec -it web sh -c \"exit 7\"" /dev/null >/dev/null'
step 'registry: stop' "$E" stop -t 1 web
step 'registry: ps -a' "$E" ps -a --format '{{.Names}} {{.Status}}'
step 'registry: start' "$E" start web
step 'registry: restart' "$E" restart -t 0 web
step 'registry: running' "$E" inspect --format '{{.State.Status}} {{.Config.Image}}' web
step 'registry: rm of a running one' "$E" rm web
step 'registry: rm -f' "$E" rm -f -t 0 web
step 'registry: rmi' shell '$E rmi "$IMG" >/dev/null && $E image exists "$IMG"'
