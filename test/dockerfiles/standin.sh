#!/bin/sh
# The tools that Dockerfiles call, in a few lines each: they read and write the files that the real ones would, the same ones each time.
set -eu
digest() { cat "$@" | sha256sum | cut -c1-16; }
die() { echo "$tool: $*" >&2; exit 2; }
tool=${0##*/}
case $tool in
go)
	verb=$1 out= tags= ldflags=
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		-o) out=$2; shift ;;
		-ldflags) ldflags=$2; shift ;;
		-tags) tags=$2; shift ;;
		esac
		last=$1
		shift
	done
	case $verb in
	mod)
		[ -f go.mod ] || die "go.mod file not found"
		sed -n 's/^require \([^ ]*\) \(.*\)/\1@\2/p' go.mod | while read -r module; do
			mkdir -p "$GOPATH/pkg/mod/$module"
			echo "module $module" >"$GOPATH/pkg/mod/$module/go.mod"
		done
		;;
	build | install)
		for module in $(sed -n 's/^require \([^ ]*\) \(.*\)/\1@\2/p' go.mod); do
			[ -d "$GOPATH/pkg/mod/$module" ] || die "missing module $module"
		done
		[ -n "$out" ] || out=$(basename "$PWD")
		mkdir -p "$(dirname "$out")"
		printf '#!/bin/sh\necho %s cgo=%s %s/%s tags=%s ldflags="%s"\n' "$(find . -name '*.go' | sort | xargs cat | sha256sum | cut -c1-16)" \
			"${CGO_ENABLED:-1}" "${GOOS:-linux}" "${GOARCH:-amd64}" "$tags" "$ldflags" >"$out"
		chmod 755 "$out"
		if [ -d "${GOCACHE:-/nonexistent}" ]; then echo built >>"$GOCACHE/log"; fi
		;;
	test | vet | generate) find . -name '*.go' | grep -q . ;;
	esac
	;;
npm | yarn | pnpm)
	case "$*" in
	ci* | install* | '')
		[ -f package.json ] || die "no package.json"
		for name in $(sed -n 's/^ *"\([a-z@/-]*\)": *"[\^~0-9].*/\1/p' package.json); do
			mkdir -p "node_modules/$name"
			echo "{\"name\": \"$name\"}" >"node_modules/$name/package.json"
		done
		mkdir -p "${npm_config_cache:-$HOME/.npm}"
		echo cached >"${npm_config_cache:-$HOME/.npm}/index"
		;;
	run*build* | build*) mkdir -p dist; find src -type f | sort | xargs cat >dist/bundle.js; echo "// ${NODE_ENV:-development}" >>dist/bundle.js ;;
	prune*) rm -rf node_modules/typescript ;;
	run*test* | test*) [ -d node_modules ] ;;
	cache*) rm -rf "$HOME/.npm" ;;
	*) die "unknown: $*" ;;
	esac
	;;
pip)
	site=${VIRTUAL_ENV:-/usr/local}/lib/python3.13/site-packages cache="$HOME/.cache/pip" list=
	while [ $# -gt 0 ]; do
		case $1 in
		-r) list=$(cat "$2"); shift ;;
		--prefix=*) site=${1#*=}/lib/python3.13/site-packages ;;
		--target) site=$2; shift ;;
		--no-cache-dir) cache= ;;
		--user) site=$HOME/.local/lib/python3.13/site-packages ;;
		install | wheel | -*) ;;
		*) list="$list $1" ;;
		esac
		shift
	done
	for name in $list; do
		mkdir -p "$site/${name%%=*}"
		echo "version = '${name#*==}'" >"$site/${name%%=*}/__init__.py"
	done
	[ -z "$cache" ] || { mkdir -p "$cache"; echo wheels >"$cache/wheels"; }
	;;
python)
	case "$*" in
	"-m venv "*) mkdir -p "$3/bin"; ln -s /usr/local/bin/python "$3/bin/python"; echo "home = /usr/local/bin" >"$3/pyvenv.cfg" ;;
	"-m compileall "*) find "$3" -name '*.py' | while read -r f; do mkdir -p "$(dirname "$f")/__pycache__"; digest "$f" >"$(dirname "$f")/__pycache__/$(basename "$f")c"; done ;;
	*manage.py*collectstatic*) mkdir -p staticfiles; cp -r static/. staticfiles/ ;;
	*) die "unknown: $*" ;;
	esac
	;;
javac) mkdir -p "$2"; for f in $(find . -name '*.java' | sort); do digest "$f" >"$2/$(basename "$f" .java).class"; done ;;
jar) (cd "${5:-.}"; find . -type f | sort | xargs cat) | sha256sum | cut -c1-16 >"$2" ;;
mvn)
	[ -f pom.xml ] || die "no pom.xml"
	mkdir -p "$HOME/.m2/repository"
	echo central >"$HOME/.m2/repository/resolver"
	case "$*" in *package*) mkdir -p target; find src -type f | sort | xargs cat | digest >target/app.jar ;; esac
	;;
gradle) [ -f build.gradle ] || die "no build.gradle"; mkdir -p build/libs "$HOME/.gradle"; digest build.gradle $(find src -type f | sort) >build/libs/app.jar ;;
java) case "$*" in *jarmode*) for l in dependencies application; do mkdir -p "$l"; digest ./*.jar >"$l/$l.bin"; done ;; *) die "unknown: $*" ;; esac ;;
composer)
	[ -f composer.json ] || die "no composer.json"
	mkdir -p vendor/composer
	echo "<?php // $(digest composer.json)" >vendor/autoload.php
	case "$*" in *--no-dev*) ;; *) mkdir -p vendor/phpunit; echo "<?php" >vendor/phpunit/phpunit.php ;; esac
	;;
docker-php-ext-install | docker-php-ext-enable) mkdir -p /usr/local/etc/php/conf.d; for e; do echo "extension=$e" >"/usr/local/etc/php/conf.d/docker-php-ext-$e.ini"; done ;;
cargo)
	name=$(sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml recipe.json 2>/dev/null | head -n 1)
	case $1 in
	build) mkdir -p "${CARGO_TARGET_DIR:-target}/release"; printf '#!/bin/sh\necho %s\n' "$(digest $(find src -name '*.rs' | sort))" >"${CARGO_TARGET_DIR:-target}/release/$name"; chmod 755 "${CARGO_TARGET_DIR:-target}/release/$name" ;;
	fetch | chef) mkdir -p "${CARGO_HOME:-$HOME/.cargo}/registry"; echo index >"${CARGO_HOME:-$HOME/.cargo}/registry/index"; [ "$1" = fetch ] || [ -f recipe.json ] || echo "name = \"$name\"" >recipe.json ;;
	esac
	;;
nginx) [ -f /etc/nginx/nginx.conf ] && grep -q . /etc/nginx/nginx.conf ;;
apk)
	mkdir -p /lib/apk/db
	case "$*" in *--virtual*) echo "virtual" >>/lib/apk/db/world ;; esac
	case $1 in
	add) for p; do case $p in add | -* | .*) ;; *) echo "P:$p" >>/lib/apk/db/installed; echo "$p" >"/usr/bin/$p"; chmod 755 "/usr/bin/$p" ;; esac; done
		case "$*" in *--no-cache*) ;; *) mkdir -p /var/cache/apk; echo index >/var/cache/apk/APKINDEX ;; esac ;;
	del) for p; do rm -f "/usr/bin/$p"; done ;;
	esac
	;;
apt-get)
	mkdir -p /var/lib/apt/lists /var/cache/apt/archives /var/lib/dpkg
	case "$*" in
	*update*) echo Release >/var/lib/apt/lists/Release ;;
	*install*) [ -f /var/lib/apt/lists/Release ] || die "no lists"
		for p; do case $p in -* | install) ;; *) echo "Package: $p" >>/var/lib/dpkg/status; echo "$p" >"/usr/bin/$p"; chmod 755 "/usr/bin/$p"; echo deb >"/var/cache/apt/archives/$p.deb" ;; esac; done ;;
	*clean*) rm -f /var/cache/apt/archives/*.deb ;;
	esac
	;;
adduser | useradd)
	home= shell=/bin/sh uid=2000 gid= make=1 name=
	[ "$tool" = adduser ] || make=
	while [ $# -gt 0 ]; do
		case $1 in
		-u | --uid) uid=$2; shift ;;
		-g | -G | --gid | --ingroup) gid=$(sed -n "s/^$2:x:\([0-9]*\):.*/\1/p" /etc/group); shift ;;
		-h | -d | --home) home=$2; shift ;;
		-s | --shell | --gecos) [ "$1" = --gecos ] || shell=$2; shift ;;
		-m | --create-home) make=1 ;;
		-H | --no-create-home) make= ;;
		-*) ;;
		*) name=$1 ;;
		esac
		shift
	done
	[ -n "$gid" ] || { gid=$uid; echo "$name:x:$gid:" >>/etc/group; }
	echo "$name:x:$uid:$gid::${home:=/home/$name}:$shell" >>/etc/passwd
	[ -z "$make" ] || { mkdir -p "$home"; chown "$uid:$gid" "$home"; }
	;;
addgroup | groupadd)
	gid=2000 name=
	while [ $# -gt 0 ]; do case $1 in -g | --gid) gid=$2; shift ;; -*) ;; *) name=$1 ;; esac; shift; done
	echo "$name:x:$gid:" >>/etc/group
	;;
bundle) [ -f Gemfile ] && mkdir -p /usr/local/bundle/gems && sed -n "s/^gem '\(.*\)'/\1/p" Gemfile | while read -r g; do echo "$g" >"/usr/local/bundle/gems/$g"; done ;;
dotnet) case $1 in restore) mkdir -p "$HOME/.nuget"; echo packages >"$HOME/.nuget/packages" ;; publish) mkdir -p /app/publish; digest $(find . -name '*.cs' | sort) >/app/publish/app.dll ;; esac ;;
gcc) out=a.out files=; while [ $# -gt 0 ]; do case $1 in -o) out=$2; shift ;; -*) ;; *) files="$files $1" ;; esac; shift; done; printf '#!/bin/sh\necho %s\n' "$(digest $files)" >"$out"; chmod 755 "$out" ;;
*) die "is not one of the tools" ;;
esac
