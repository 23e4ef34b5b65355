#!/bin/bash
# The commands on images, as session.sh has those on containers.
set -u
. "$(dirname "$0")/steps.sh"

step 'load' "$E" load -q -i "$ARCHIVE"
step 'load from a pipe' shell '$E load -q <"$ARCHIVE"'
step 'load: missing' "$E" load -i missing.tar
step 'images' "$E" images
step 'images -q' "$E" images -q
step 'images --no-trunc' "$E" images --no-trunc
step 'images --digests' shell '$E images --digests | head -1'
step 'images --noheading' "$E" images --noheading
step 'images NAME' "$E" images box
step 'images: no match' "$E" images nobody
step 'images --format' "$E" images --format '{{.Repository}}|{{.Tag}}|{{.ID}}|{{.Names}}'
step 'images --format table' "$E" images --format 'table {{.Repository}} {{.Tag}}'
step 'images keys' shell '$E images --format json | jq -r ".[0] | keys[]" | grep -v -e SharedSize -e Arch -e Os | sort'
step 'images: bad sort' "$E" images --sort nothing
step 'images: bad filter' "$E" images --filter nothing=x
step 'tag' "$E" tag $BOX localhost/a:1 localhost/b:2 registry.example/c
step 'images --sort repository' "$E" images --sort repository --format '{{.Repository}}:{{.Tag}}'
step 'images --sort tag' "$E" images --sort tag --format '{{.Tag}}'
step 'images --filter reference' shell '$E images --filter "reference=*a" --format "{{.Repository}}:{{.Tag}}"'
step 'images --filter label' "$E" images --filter label=from=image -q
step 'images --filter label: none' "$E" images --filter label=from=x -q
step 'images --filter dangling' "$E" images --filter dangling=true -q
step 'images --filter before' shell '$E images --filter before=box -q'
step 'images --filter containers' "$E" images --filter containers=true -q
step 'images --filter readonly' "$E" images --filter readonly=true -q
step 'images --filter until' shell '$E images --filter until=24h -q | sort -u'
step 'untag one' "$E" untag $BOX localhost/b:2
step 'untag: not its name' "$E" untag $BOX localhost/nobody:1
step 'tag: unknown' "$E" tag nobody x
step 'tag: bad name' "$E" tag $BOX 'UPPER::x'
step 'image exists' "$E" image exists a:1
step 'image inspect keys' shell '$E image inspect box | jq -r ".[0] | keys[]" | sort'
step 'image inspect: two' shell '$E image inspect -f "{{.Os}}" box nobody'
step 'rmi: one of several names' "$E" rmi localhost/a:1
step 'rmi: by id with names' shell '$E rmi $($E images -q box)'
step 'rmi: unknown' "$E" rmi nobody
step 'rmi: two, one unknown' "$E" rmi nobody registry.example/c
step 'rmi --ignore' "$E" rmi --ignore nobody
step 'history' "$E" history $BOX
step 'history -q' "$E" history -q $BOX
step 'history --format' "$E" history --format '{{.CreatedBy}}|{{.Comment}}' $BOX
step 'history: unknown' "$E" history nobody
step 'run for commit' "$E" run --name c --network none $BOX sh -c 'echo x >/new; rm /etc/group; mkdir -p /d/e; chmod 700 /home'
step 'diff' "$E" diff c
step 'diff --format json' shell '$E diff --format json c | jq -c "[.added, .changed, .deleted | sort]"'
step 'container diff' "$E" container diff c
step 'diff: unknown' "$E" diff nobody
step 'commit' "$E" commit -q -c 'CMD ["cat", "/new"]' -c 'ENV A=b' -c 'LABEL l=m' -c 'EXPOSE 80' -c 'USER app' -c 'WORKDIR /d' -c 'VOLUME /v' -a me c made:1
step 'commit: its configuration' shell '$E image inspect made:1 | jq -c ".[0].Config | {Cmd, User, WorkingDir, Labels, ExposedPorts, Volumes}"'
step 'commit: its author' "$E" image inspect -f '{{.Author}} {{.ManifestType}} {{len .RootFS.Layers}}' made:1
step 'commit --format docker -m' shell '$E commit -q -f docker -m why c made:2 >/dev/null && $E image inspect -f "{{.Comment}} {{.ManifestType}}" made:2'
step 'commit --squash' shell '$E commit -q -s c made:3 >/dev/null && $E image inspect -f "{{len .RootFS.Layers}}" made:3'
step 'commit: bad change' "$E" commit -q -c 'RUN x' c
step 'commit: unknown' "$E" commit -q nobody
step 'run what was committed' "$E" run --rm --network none --user 0 made:1
step 'commit without a name' shell '$E commit -q c | wc -l; $E images --filter dangling=true -q | wc -l'
step 'image tree' shell '$E image tree made:1 | sed "s/ sh -c.*//; s/ imagearchive//; s/Size: *//"'
step 'image prune' shell '$E image prune -f | wc -l'
step 'export' shell '$E export c | tar -t | grep -e ^new$ -e ^d/e -e ^etc/group'
step 'export -o' shell '$E export -o x.tar c && tar -tf x.tar | grep -c .'
step 'import' shell '$E import -q -m note -c "CMD [\"cat\", \"/new\"]" x.tar imported:1'
step 'import: history' "$E" history --format '{{.Comment}}' imported:1
step 'import: run' "$E" run --rm --network none imported:1
step 'import from a pipe, compressed' shell 'gzip -c x.tar | $E import -q - imported:2'
step 'import: missing' "$E" import -q missing.tar
step 'import: no archive' shell 'echo text | $E import -q -'
step 'save' shell '$E save -q -o s.tar made:1 && tar -tf s.tar | grep -c json'
step 'save to a pipe' shell '$E save -q made:1 | tar -t | grep -c json'
step 'save oci-archive' shell '$E save -q --format oci-archive -o o.tar made:1 && tar -tf o.tar | grep -v blobs/sha256/.'
step 'save oci-dir' shell '$E save -q --format oci-dir -o odir made:1 && ls odir'
step 'save docker-dir' shell '$E save -q --format docker-dir -o ddir made:1 && ls ddir | grep -v "^[0-9a-f]\{64\}"'
step 'save -m' shell '$E save -q -m -o m.tar made:1 made:2 && tar -xOf m.tar manifest.json | jq -c "[.[].RepoTags]"'
step 'save: unknown' "$E" save -q -o u.tar nobody
step 'save: bad format' "$E" save -q --format x -o u.tar made:1
step 'load what was saved' shell '$E rmi made:1 >/dev/null; $E load -q -i s.tar; $E load -q -i o.tar'
step 'system df' "$E" system df --format '{{.Type}} {{.Total}} {{.Active}}'
step 'cp in and out' shell 'echo y >y; $E cp y c:/y && $E cp c:/y z && cat z'
step 'cp a directory' shell 'mkdir -p p/q; echo r >p/q/r; $E cp p c:/ && $E cp p/. c:/d && $E cp c:/p - | tar -t | sed s,/$,, && $E cp c:/d/q/r - | tar -t'
step 'cp: no such directory' "$E" cp y c:/no/where
step 'cp: unknown' "$E" cp y nobody:/
step 'rmi: in use' "$E" rmi $BOX
step 'rm' "$E" rm c
step 'image prune -a' shell '$E image prune -af | wc -l'
step 'rmi of all' shell '$E rmi -af | wc -l'
step 'images at the end' "$E" images -q
