#!/bin/bash
# The steps of the comparison with other engines that need a registry. See session.sh.
set -u
. "$(dirname "$0")/steps.sh"

step 'load' "$E" load -q -i "$ARCHIVE"
step 'push' "$E" push -q $BOX $REGISTRY/team/box:1
step 'push: no such image' "$E" push -q localhost/nobody $REGISTRY/team/nobody
step 'push: nobody listens' "$E" push -q $BOX 127.0.0.1:1/box
step 'push --digestfile' shell '$E push -q --digestfile "$TMPDIR/digest" $BOX $REGISTRY/team/box:2; cat "$TMPDIR/digest"'
step 'push oci:' shell '$E push -q $BOX oci:$TMPDIR/oci:tag && jq -r ".manifests[0].annotations[]" "$TMPDIR/oci/index.json"'
step 'push docker-archive:' shell '$E push -q $BOX docker-archive:$TMPDIR/d.tar:localhost/d:1 && tar -xOf "$TMPDIR/d.tar" manifest.json | jq -r ".[0].RepoTags[]"'
step 'push to an archive that is there' "$E" push -q $BOX docker-archive:$TMPDIR/d.tar
step 'pull' "$E" pull -q $REGISTRY/team/box:1
step 'pull two' "$E" pull -q $REGISTRY/team/box:1 $REGISTRY/team/box:2
step 'pull --all-tags' "$E" pull -q --all-tags $REGISTRY/team/box
step 'pull: no such tag' "$E" pull -q $REGISTRY/team/box:3
step 'pull: no such repository' "$E" pull -q $REGISTRY/nobody
step 'pull docker-archive:' shell '$E pull -q docker-archive:$TMPDIR/d.tar; $E image exists localhost/d:1'
step 'run of a pulled image' "$E" run --rm --network none $REGISTRY/team/box:2 echo pulled
step 'search' "$E" search --format '{{.Name}}' $REGISTRY/box
step 'search --list-tags' shell '$E search --list-tags $REGISTRY/team/box | sort'
step 'search: nobody listens' "$E" search 127.0.0.1:1/box
step 'login --get-login: nobody' "$E" login --get-login $REGISTRY
step 'login' shell 'echo secret | $E login -u jo --password-stdin $REGISTRY; $E login --get-login $REGISTRY'
step 'logout' "$E" logout $REGISTRY
step 'logout of all' "$E" logout --all
step 'manifest create' "$E" manifest create localhost/list
step 'manifest create: taken' "$E" manifest create localhost/list
step 'manifest add' "$E" manifest add --arch arm64 --variant v8 localhost/list containers-storage:$BOX
step 'manifest add: unknown' "$E" manifest add localhost/list $REGISTRY/nobody
step 'manifest inspect' shell '$E manifest inspect localhost/list | jq -c ".manifests[].platform"'
step 'manifest exists' "$E" manifest exists localhost/list
step 'manifest exists: no' "$E" manifest exists localhost/nobody
step 'manifest push' shell '$E manifest push -q --all localhost/list docker://$REGISTRY/list:1; $E manifest inspect $REGISTRY/list:1 | jq -c ".manifests[].platform"'
step 'manifest rm' "$E" manifest rm localhost/list
step 'manifest rm: unknown' "$E" manifest rm localhost/list
step 'image trust show' "$E" image trust show
step 'image rm of what was pulled' shell '$E rmi $REGISTRY/team/box:1 $REGISTRY/team/box:2 localhost/d:1 >/dev/null'
