package inventory

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs/layertest"
)

const debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n# ID=other\n"

// archive makes a zip file of names and contents.
func archive(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(files[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// program makes an ELF file with one section of this name and content.
func program(section string, content []byte) string {
	le := binary.LittleEndian
	names := "\x00" + section + "\x00.shstrtab\x00"
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	le.PutUint16(header[16:], 2)  // executable
	le.PutUint16(header[18:], 62) // x86-64
	le.PutUint32(header[20:], 1)
	at := 64 + len(content) + len(names)
	le.PutUint64(header[40:], uint64(at)) // section headers
	le.PutUint16(header[52:], 64)
	le.PutUint16(header[58:], 64) // size of one
	le.PutUint16(header[60:], 3)
	le.PutUint16(header[62:], 2) // the one with names
	one := func(name, kind, offset, size int) []byte {
		h := make([]byte, 64)
		le.PutUint32(h, uint32(name))
		le.PutUint32(h[4:], uint32(kind))
		le.PutUint64(h[24:], uint64(offset))
		le.PutUint64(h[32:], uint64(size))
		return h
	}
	out := slices.Concat(header, content, []byte(names), make([]byte, 64),
		one(1, 1, 64, len(content)), one(2+len(section), 3, 64+len(content), len(names)))
	return string(append(out, make([]byte, 8192)...))
}

func packed(text string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

func TestFind(t *testing.T) {
	executable := func(body string) layertest.File { return layertest.File{Body: body, Mode: 0o755} }
	text := layertest.Text
	cases := map[string]struct {
		layer layertest.Layer
		want  string // package URLs
	}{
		"dpkg": {
			layertest.Layer{
				"etc/os-release": {Link: "../usr/lib/os-release"}, "usr/lib/os-release": text(debian),
				"var/lib/dpkg/status": text("Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n" +
					"Description: lib\n Package: not this\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n" +
					"Package: bash\nStatus: hold ok installed\nArchitecture: amd64\nSource: bash (5.2)\nVersion: 5.2-1+b1\n"),
			},
			"pkg:deb/debian/bash@5.2-1%2Bb1?arch=amd64&distro=debian-12&upstream=bash%405.2 pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc",
		},
		"distroless": {
			layertest.Layer{
				"usr/lib/os-release":                      text(debian),
				"var/lib/dpkg/status.d/tzdata":            text("Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n"),
				"var/lib/dpkg/status.d/tzdata.md5sums":    text("abc  Package: x\n"),
				"var/lib/dpkg/status.d/media-types.extra": text("nothing"),
			},
			"pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12",
		},
		"apk": {
			layertest.Layer{
				"etc/os-release":       text("ID=alpine\nVERSION_ID=3.20.1\n"),
				"lib/apk/db/installed": text("C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld\na:0:0:755\n\nP:ssl_client\nV:1.36.1-r28\nA:x86_64\no:busybox\n\n"),
			},
			"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1 pkg:apk/alpine/ssl_client@1.36.1-r28?arch=x86_64&distro=alpine-3.20.1&upstream=busybox",
		},
		"npm": {
			layertest.Layer{
				"app/package.json":                               text(`{"name":"app","version":"0"}`),
				"app/node_modules/left-pad/package.json":         text(`{"name":"left-pad","version":"1.3.0","license":"WTFPL"}`),
				"app/node_modules/@babel/core/package.json":      text(`{"name":"@babel/core","version":"7.0.0","licenses":[{"type":"MIT"}]}`),
				"app/node_modules/left-pad/test/package.json":    text(`{"name":"not-this","version":"1"}`),
				"app/node_modules/a/node_modules/b/package.json": text(`{"name":"b","version":"2.0.0","license":{"type":"ISC"}}`),
				"app/node_modules/part/package.json":             text(`{"type":"module"}`),
			},
			"pkg:npm/b@2.0.0 pkg:npm/left-pad@1.3.0 pkg:npm/%40babel/core@7.0.0",
		},
		"pypi": {
			layertest.Layer{
				"usr/lib/python3/dist-packages/Foo_Bar-1.0.dist-info/METADATA": text("Metadata-Version: 2.1\r\nName: Foo_Bar\r\nVersion: 1.0\r\nLicense: MIT\r\n\r\nName: other\r\n"),
				"opt/six-1.16.egg-info":         text("Metadata-Version: 1.2\nName: six\nVersion: 1.16\n"),
				"opt/old-2.egg-info/PKG-INFO":   text("Name: old\nVersion: 2\n"),
				"opt/old-2.egg-info/SOURCES.tx": text("x"),
			},
			"pkg:pypi/foo-bar@1.0 pkg:pypi/old@2 pkg:pypi/six@1.16",
		},
		"gem": {
			layertest.Layer{"usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec": text(
				"# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n  s.licenses = [\"MIT\".freeze]\nend\n",
			)},
			"pkg:gem/rake@13.0.6",
		},
		"maven": {
			layertest.Layer{"app.war": text(archive(t,
				"META-INF/maven/g/a/pom.properties", "#comment\nversion=1.0\ngroupId=org.example\nartifactId=app\n",
				"WEB-INF/lib/inner.jar", archive(t, "META-INF/maven/x/y/pom.properties", "groupId = x\nartifactId = y\nversion = 2\n"),
			))},
			"pkg:maven/org.example/app@1.0 pkg:maven/x/y@2",
		},
		"cargo": {
			layertest.Layer{"app": executable(program(".dep-v0", packed(
				`{"packages":[{"name":"app","version":"0.1.0","root":true},{"name":"cc","version":"1.0","kind":"build"},{"name":"libc","version":"0.2.150","kind":"runtime"}]}`,
			)))},
			"pkg:cargo/app@0.1.0 pkg:cargo/libc@0.2.150",
		},
		"nothing": {layertest.Layer{"bin/sh": executable(strings.Repeat("#!", 9000)), "x.jar": {Mode: 0o644}}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			found, err := Find(t.Context(), layertest.Image(t, c.layer))
			if err != nil || len(found.Notes) > 0 {
				t.Fatal(err, found.Notes)
			}
			var urls []string
			for _, p := range found.Packages {
				urls = append(urls, p.PURL)
				if p.Path == "" || p.Layer != 1 {
					t.Errorf("%s is at %q in layer %d", p.Name, p.Path, p.Layer)
				}
			}
			if got := strings.Join(urls, " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestFindGo looks into the program of this test.
func TestFindGo(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find(t.Context(), layertest.Image(t, layertest.Layer{"bin/app": {Body: string(body), Mode: 0o755}}))
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, p := range found.Packages {
		url, _, _ := strings.Cut(p.PURL, "@")
		urls = append(urls, url)
	}
	for _, want := range []string{"pkg:golang/stdlib", "pkg:golang/github.com/pod-engine/pod"} {
		if !slices.Contains(urls, want) {
			t.Errorf("%s is not among %q", want, urls)
		}
	}
}

func TestGoModules(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.1", Main: debug.Module{Path: "example.org/App", Version: "(devel)"}, Deps: []*debug.Module{
		{Path: "golang.org/x/sys", Version: "v0.1.0"},
		{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new/v2", Version: "v2.3.4"}},
	}}
	var got []string
	for _, p := range goModules(info) {
		got = append(got, named(scan.Distribution{}, p).PURL)
	}
	want := []string{"pkg:golang/stdlib@1.26.1", "pkg:golang/example.org/app", "pkg:golang/golang.org/x/sys@v0.1.0", "pkg:golang/example.org/new/v2@v2.3.4"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFindRPM(t *testing.T) {
	db, err := os.ReadFile("../rpmdb/testdata/rpmdb.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find(t.Context(), layertest.Image(t, layertest.Layer{
		"etc/os-release": layertest.Text("ID=fedora\nVERSION_ID=41\n"), "usr/lib/sysimage/rpm/rpmdb.sqlite": layertest.Text(string(db)),
	}))
	if err != nil || len(found.Packages) != 42 {
		t.Fatal(err, len(found.Packages))
	}
	if got, want := found.Packages[0].PURL, "pkg:rpm/fedora/hello@1.4-3?arch=noarch&distro=fedora-41&epoch=2&upstream=hello-lib%401.4-3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := found.Packages[0].Version; got != "2:1.4-3" {
		t.Errorf("version is %s", got)
	}
}

// What a newer layer has deleted is not installed; what it replaced is there once.
func TestFindSeesTheContainersView(t *testing.T) {
	entry := func(name, version string) layertest.File {
		return layertest.Text(fmt.Sprintf("s.name = %q\ns.version = %q\n", name, version))
	}
	found, err := Find(t.Context(), layertest.Image(t,
		layertest.Layer{"g/specifications/a.gemspec": entry("a", "1"), "g/specifications/b.gemspec": entry("b", "1")},
		layertest.Layer{"g/specifications/a.gemspec": layertest.Whiteout(), "g/specifications/b.gemspec": entry("b", "2")},
	))
	if err != nil || len(found.Packages) != 1 || found.Packages[0].PURL != "pkg:gem/b@2" || found.Packages[0].Layer != 2 {
		t.Errorf("got %+v, %v", found.Packages, err)
	}
}

// A report of an image with very many bad records can still be read.
func TestNotesAreLimited(t *testing.T) {
	layer := layertest.Layer{}
	for i := range maxNotes + 50 {
		layer[fmt.Sprintf("node_modules/%d/package.json", i)] = layertest.Text("{")
	}
	found, err := Find(t.Context(), layertest.Image(t, layer))
	if err != nil || len(found.Notes) != maxNotes+1 || found.Notes[maxNotes] != "50 more records cannot be read" {
		t.Errorf("%d notes, %v", len(found.Notes), err)
	}
}

// What SQLite has not yet written into the database proper is not read, and that is said.
func TestFindRPMWithChangesElsewhere(t *testing.T) {
	db, err := os.ReadFile("../rpmdb/testdata/rpmdb.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find(t.Context(), layertest.Image(t, layertest.Layer{
		"var/lib/rpm/rpmdb.sqlite": layertest.Text(string(db)), "var/lib/rpm/rpmdb.sqlite-wal": layertest.Text("x"),
	}))
	if err != nil || len(found.Packages) != 42 || len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "rpmdb.sqlite-wal") {
		t.Errorf("%d packages, notes %q, %v", len(found.Packages), found.Notes, err)
	}
}

// Records that are damaged or meant to hurt are notes, and everything else is found.
func TestFindInHostileImages(t *testing.T) {
	bomb := packed(`{"packages":[` + strings.Repeat(" ", 33<<20) + `]}`)
	text := layertest.Text
	layer := layertest.Layer{
		"lib/apk/db/installed":                {Size: 1 << 50},
		"var/lib/rpm/Packages":                text(strings.Repeat("x", 4096)),
		"var/lib/rpm/rpmdb.sqlite":            {Size: 1 << 60},
		"node_modules/bad/package.json":       text(`{"name":`),
		"node_modules/deep/package.json":      text(strings.Repeat("[", 1<<20)),
		"a.dist-info/METADATA":                text("\n\n"),
		"g/specifications/x.gemspec":          text("nothing"),
		"no.jar":                              text("no archive at all"),
		"broken.jar":                          text("PK\x05\x06" + strings.Repeat("\xff", 18)),
		"bin/bomb":                            {Body: program(".dep-v0", bomb), Mode: 0o755},
		"bin/damaged":                         {Body: "\x7fELF" + strings.Repeat("\xff", 9000), Mode: 0o755},
		"bin/go":                              {Body: program(".go.buildinfo", []byte("\xff Go buildinf:\xff\xff")), Mode: 0o755},
		"node_modules/good/package.json":      text(`{"name":"good","version":"1"}`),
		"node_modules/esc/package.json":       text("{\"name\":\"\x1b[2Jesc\",\"version\":\"1\"}"),
		"node_modules/unicode/package.json":   text(`{"name":"\u001b[2J\u202e","version":"\u0007"}`),
		"var/lib/dpkg/status.d/\x1b]0;x\x07x": text("Package: p\nVersion: 1\n"),
	}
	found, err := Find(t.Context(), layertest.Image(t, layer))
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, p := range found.Packages {
		urls = append(urls, p.PURL)
	}
	if want := []string{"pkg:deb/p@1", "pkg:npm/%1B%5B2J%E2%80%AE@%07", "pkg:npm/good@1"}; !slices.Equal(urls, want) {
		t.Errorf("found %q, want %q", urls, want)
	}
	for _, path := range []string{
		"/lib/apk/db/installed", "/var/lib/rpm/Packages", "/var/lib/rpm/rpmdb.sqlite", "/node_modules/bad/package.json",
		"/node_modules/deep/package.json", "/a.dist-info/METADATA", "/g/specifications/x.gemspec", "/no.jar", "/broken.jar", "/bin/bomb", "/bin/go",
	} {
		if !slices.ContainsFunc(found.Notes, func(note string) bool { return strings.HasPrefix(note, path+" ") }) {
			t.Errorf("no note speaks of %s: %q", path, found.Notes)
		}
	}
}
