package hostile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// attack is an image whose layers try something.
type attack struct {
	name   string
	layers []layer
	// limited says that the unpacked size is limited to unpackLimit.
	limited bool
}

// unpackLimit is what images of attacks with limited may unpack to.
const unpackLimit = 32 << 20

// attacks are all cases. canary is the absolute path of a directory that nothing may change; it has a file "file" and a directory "dir".
func attacks(canary string) []attack {
	var all []attack
	for _, group := range []func(string) []attack{
		names, links, hardlinks, whiteouts, records, attributes, kinds, malformed, compression, bombs, flips, controls,
	} {
		all = append(all, group(canary)...)
	}
	return all
}

func one(name string, entries ...entry) attack {
	return attack{name: name, layers: []layer{packed(archive(entries...))}}
}

// names puts entries of several kinds under names that lead elsewhere.
func names(canary string) (out []attack) {
	for _, n := range []struct{ what, name string }{
		{"parent", "../evil"},
		{"parents", "../../../../../../../../" + canary + "/evil"},
		{"inner parents", "a/../../evil"},
		{"deep parents", "a/b/c/../../../../evil"},
		{"absolute", canary + "/evil"},
		{"absolute existing", canary + "/file"},
		{"absolute parents", "/../../" + canary + "/evil"},
		{"two slashes", "/" + canary + "/evil"},
		{"dot parents", "./../evil"},
		{"only parent", ".."},
		{"parent with slash", "../"},
		{"root", "/"},
		{"dot", "."},
		{"dot slash", "./"},
		{"empty", ""},
		{"trailing slash", "evil/"},
		{"trailing dot", "evil/."},
		{"trailing parent", "evil/.."},
		{"backslashes", `..\..\evil`},
		{"line feed", "evil\nevil"},
		{"escape", "evil\x1b]0;owned\x07\x1b[2J"},
		{"not unicode", "evil\xff\xfe"},
		{"sibling", "../diff-suffix/evil"},
	} {
		link := "a"
		for _, e := range []entry{
			{kind: '0', body: "evil"}, {kind: '5'}, {kind: '2', link: canary}, {kind: '1', link: link}, {kind: '6'},
		} {
			e.name = n.name
			out = append(out, one(fmt.Sprintf("name %s, kind %c", n.what, e.kind), file(link, "a"), e))
		}
	}
	for what, name := range map[string]string{
		"of 255 bytes": strings.Repeat("n", 255), "of 256 bytes": strings.Repeat("n", 256), "of 5000 bytes": strings.Repeat("n/", 2500),
		"100 deep": strings.Repeat("d/", 100) + "f", "600 deep": strings.Repeat("d/", 600) + "f",
	} {
		out = append(out, one("name "+what, entry{pax: map[string]string{"path": name}}))
	}
	return sorted(out)
}

func sorted(a []attack) []attack {
	slices.SortFunc(a, func(a, b attack) int { return strings.Compare(a.name, b.name) })
	return a
}

// links makes a link to the canary in every way, and then acts through it, in the same layer and in the next.
func links(canary string) (out []attack) {
	up := strings.Repeat("../", 12)
	ways := map[string][]entry{
		"absolute":           {symlink("l", canary)},
		"relative":           {symlink("l", up+canary[1:])},
		"sibling":            {symlink("l", "../diff-suffix")},
		"chain":              {symlink("l", "m"), symlink("m", canary)},
		"chain before":       {symlink("m", canary), symlink("l", "m")},
		"below a directory":  {dir("d"), symlink("d/l", up+canary[1:]), symlink("l", "d/l")},
		"to the root":        {symlink("l", "/")},
		"to the parent":      {symlink("l", "..")},
		"instead of dir":     {dir("l"), symlink("l", canary)},
		"of a hard link":     {symlink("m", canary), hardlink("l", "m")},
		"to itself":          {symlink("l", "l")},
		"to the link's name": {symlink("l", canary+"/../"+canary[strings.LastIndex(canary, "/")+1:])},
	}
	acts := map[string]entry{
		"write":        file("l/evil", "evil"),
		"overwrite":    file("l/file", "evil"),
		"mkdir":        dir("l/evil/evil"),
		"chmod":        {name: "l", kind: '5', mode: 0o777},
		"chmod inside": {name: "l/dir", kind: '5', mode: 0o777},
		"whiteout":     file("l/.wh.file", ""),
		"opaque":       file("l/.wh..wh..opq", ""),
		"link from":    hardlink("stolen", "l/file"),
		"link to":      hardlink("l/evil", "l/file"),
		"symlink":      symlink("l/evil", "file"),
		"fifo":         {name: "l/evil", kind: '6'},
		"attribute":    {name: "l/file", body: "evil", pax: map[string]string{"SCHILY.xattr.user.evil": "1"}},
	}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		for _, act := range slices.Sorted(maps.Keys(acts)) {
			out = append(out, one("link "+way+", "+act, append(slices.Clone(ways[way]), acts[act])...))
			if way == "absolute" || way == "relative" || way == "chain" {
				lower, upper := packed(archive(ways[way]...)), packed(archive(acts[act]))
				out = append(out, attack{name: "link " + way + " in the layer below, " + act, layers: []layer{lower, upper}})
			}
		}
	}
	return out
}

func hardlinks(canary string) []attack {
	below := packed(archive(file("lower", "lower"), symlink("s", canary)))
	across := func(name string, e ...entry) attack {
		return attack{name: name, layers: []layer{below, packed(archive(e...))}}
	}
	return []attack{
		one("hard link to the outside", hardlink("h", "../../file")),
		one("hard link to an absolute path", hardlink("h", canary+"/file")),
		one("hard link to a sibling", hardlink("h", "../diff-suffix/file")),
		one("hard link to a missing file", hardlink("h", "missing")),
		one("hard link to itself", hardlink("h", "h")),
		one("hard link to a directory", dir("d"), hardlink("h", "d")),
		one("hard link to a whiteout", file(".wh.x", ""), hardlink("h", ".wh.x")),
		one("hard link to the root", hardlink("h", "/")),
		one("hard link to nothing", hardlink("h", "")),
		one("hard link to a symbolic link, then written", symlink("s", canary+"/file"), hardlink("h", "s"), file("h", "evil")),
		one("hard link to a symbolic link with mode and time", symlink("s", canary+"/file"), entry{name: "h", kind: '1', link: "s", mode: 0o777}),
		one("hard link chain", file("a", "a"), hardlink("b", "a"), hardlink("c", "b"), file("a", "other")),
		one("hard link as a whiteout", file("a", "a"), hardlink(".wh.b", "a")),
		one("hard link of the plink directory", file(".wh..wh.plnk/1.1", "a"), hardlink("h", ".wh..wh.plnk/1.1")),
		across("hard link to a file of the layer below", hardlink("h", "lower")),
		across("hard link through a link of the layer below", hardlink("h", "s/file")),
		across("hard link onto a link of the layer below", file("a", "a"), hardlink("s", "a")),
	}
}

func whiteouts(string) (out []attack) {
	long := strings.Repeat("n", 251)
	for what, e := range map[string][]entry{
		"of nothing":              {file(".wh.", "")},
		"of nothing below":        {file("a/.wh.", "")},
		"of dot":                  {file(".wh..", "")},
		"of dot dot":              {file(".wh...", "")},
		"of dot dot below":        {file("a/.wh...", "")},
		"of a whiteout":           {file(".wh..wh.x", "")},
		"of the prefix":           {file(".wh..wh.", "")},
		"with a slash":            {file(".wh./x", "")},
		"as a directory":          {dir(".wh.d"), file(".wh.d/f", "x")},
		"as a symbolic link":      {symlink(".wh.s", "/")},
		"as a fifo":               {{name: ".wh.p", kind: '6'}},
		"as a device":             {device(".wh.c", '3', 1, 3)},
		"after its file":          {file("x", "x"), file(".wh.x", "")},
		"before its file":         {file(".wh.x", ""), file("x", "x")},
		"of a parent":             {file("a/b", "b"), file(".wh.a", ""), file("a/c", "c")},
		"of 255 bytes":            {{pax: map[string]string{"path": ".wh." + long}}},
		"of 260 bytes":            {{pax: map[string]string{"path": ".wh." + long + "nnnnn"}}},
		"with content":            {file(".wh.x", strings.Repeat("x", 9999))},
		"through parents":         {file("a/../../.wh.x", "")},
		"opaque at the root":      {file(".wh..wh..opq", "")},
		"opaque twice":            {file("a/.wh..wh..opq", ""), file("a/.wh..wh..opq", "")},
		"opaque as a directory":   {dir("a"), dir("a/.wh..wh..opq")},
		"opaque as a link":        {dir("a"), symlink("a/.wh..wh..opq", "/")},
		"opaque of a file":        {file("a", "a"), file("a/.wh..wh..opq", "")},
		"opaque of a link":        {symlink("a", "/"), file("a/.wh..wh..opq", "")},
		"plink":                   {file(".wh..wh.plnk/a", "a")},
		"orphan":                  {dir(".wh..wh.orph")},
		"aufs":                    {file(".wh..wh.aufs", "")},
		"of a name with escape":   {file(".wh.\x1b[2J", "")},
		"of what is in the layer": {file("a/f", "f"), file("a/.wh..wh..opq", ""), file("a/g", "g")},
	} {
		out = append(out, one("whiteout "+what, e...))
	}
	return sorted(out)
}

// records are lies in the headers of PAX and GNU.
func records(canary string) (out []attack) {
	for what, p := range map[string]map[string]string{
		"path outside":        {"path": "../../evil"},
		"path absolute":       {"path": canary + "/evil"},
		"path empty":          {"path": ""},
		"path with zero":      {"path": "a\x00b"},
		"link outside":        {"linkpath": canary},
		"size huge":           {"size": "4611686018427387904"},
		"size too huge":       {"size": "99999999999999999999999"},
		"size negative":       {"size": "-1"},
		"size of nothing":     {"size": "0"},
		"size in words":       {"size": "many"},
		"owner huge":          {"uid": "8589934592"},
		"owner negative":      {"uid": "-1"},
		"owner beyond":        {"uid": "70000"},
		"group beyond":        {"gid": "4294967294"},
		"owner unknown":       {"uname": "\x1b[2J", "gname": strings.Repeat("g", 4000)},
		"time far out":        {"mtime": "9223372036854775807"},
		"time too far":        {"mtime": "99999999999999999999999999"},
		"time before":         {"mtime": "-9223372036854775808"},
		"time in words":       {"mtime": "now"},
		"atime far out":       {"atime": "99999999999", "ctime": "-99999999999"},
		"one megabyte":        {"comment": strings.Repeat("c", 1<<20)},
		"ten megabytes":       {"comment": strings.Repeat("c", 10<<20)},
		"sparse 1.0":          {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1125899906842624", "GNU.sparse.name": "big"},
		"sparse 0.1":          {"GNU.sparse.size": "1125899906842624", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,4"},
		"sparse many blocks":  {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "999999999", "GNU.sparse.map": "0,1"},
		"sparse name outside": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "4", "GNU.sparse.name": "../../evil"},
		"sparse overlapping":  {"GNU.sparse.size": "9", "GNU.sparse.numblocks": "2", "GNU.sparse.map": "0,4,2,4"},
	} {
		for _, kind := range []byte{'0', '2'} {
			out = append(out, one(fmt.Sprintf("record %s, kind %c", what, kind),
				entry{name: "f", kind: kind, link: map[byte]string{'2': "target"}[kind], body: map[byte]string{'0': "body"}[kind], pax: p}))
		}
	}
	for what, raw := range map[string]string{
		"length too large": "99 path=x\n", "length zero": "0 path=x\n", "no length": "path=x\n", "no end": "9 path=x", "no key": "5 =x\n", "length negative": "-9 path=x\n",
	} {
		out = append(out, one("record "+what, entry{name: "f", paxRaw: raw}))
	}
	out = append(out,
		one("record for all, outside", entry{name: "g", kind: 'g', body: record("path", "../../evil")}, file("f", "f")),
		one("record for all, alone", entry{name: "g", kind: 'g', body: record("comment", "c")}),
		one("record twice", entry{name: "x", kind: 'x', body: record("path", "a")}, entry{name: "f", pax: map[string]string{"path": "../evil"}}),
		one("record of nothing", entry{name: "x", kind: 'x', body: record("path", "a")}),
		one("long name outside", entry{name: "L", kind: 'L', body: "../../evil\x00"}, file("f", "f")),
		one("long name of nothing", entry{name: "L", kind: 'L'}, file("f", "f")),
		one("long name of two megabytes", entry{name: "L", kind: 'L', body: strings.Repeat("n", 2<<20)}, file("f", "f")),
		one("long link outside", entry{name: "K", kind: 'K', body: canary + "\x00"}, hardlink("f", "x")),
		one("sparse of old", entry{name: "f", kind: 'S', body: "x", magic: "ustar  \x00"}),
	)
	return sorted(out)
}

func attributes(string) (out []attack) {
	for name, value := range map[string]string{
		"user.overlay.opaque": "y", "user.overlay.redirect": "/../..", "user.overlay.metacopy": "", "user.overlay.whiteout": "", "user.overlay.origin": "x",
		"trusted.overlay.opaque": "y", "trusted.overlay.redirect": "/", "trusted.overlay.metacopy": "x", "trusted.other": "x",
		"user.containers.override_stat": "0:0:0777", "user.fuseoverlayfs.opaque": "y", "user.fuseoverlayfs.override_stat": "0:0:0777",
		"security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "security.capability ": "x", "security.ima": "\x03x",
		"security.selinux": "system_u:object_r:x:s0", "security.evm": "x", "system.posix_acl_access": "junk", "user.fine": "fine", "user.": "", "nonsense": "x",
		"user.large": strings.Repeat("v", 70000), "user." + strings.Repeat("n", 300): "x", "user.zero\x00.overlay": "x",
	} {
		for _, e := range []entry{file("f", "f"), dir("d")} {
			e.pax = map[string]string{"SCHILY.xattr." + name: value}
			out = append(out, one(fmt.Sprintf("attribute %.40q, kind %c", name, max(e.kind, '0')), e))
		}
	}
	return sorted(out)
}

func kinds(string) (out []attack) {
	for what, e := range map[string]entry{
		"null": device("dev/null", '3', 1, 3), "disk": device("dev/sda", '4', 8, 0), "memory": device("dev/mem", '3', 1, 1),
		"whiteout device": device("x", '3', 0, 0), "block device 0/0": device("x", '4', 0, 0), "device with large numbers": device("x", '3', 0o7777777, 0o7777777),
		"fifo": {name: "p", kind: '6'}, "contiguous": {name: "f", kind: '7', body: "x"}, "volume": {name: "v", kind: 'V'}, "multi-volume": {name: "m", kind: 'M', body: "x"},
		"dump directory": {name: "d", kind: 'D'}, "unknown": {name: "u", kind: 'Z'}, "old file": {name: "o", kind: 0x7f}, "socket": {name: "s", kind: 's'},
		"setuid": {name: "su", body: "x", mode: 0o4755}, "setuid of another": {name: "su", body: "x", mode: 0o6755, uid: "0001750"},
		"setuid of nobody here": {name: "su", body: "x", mode: 0o4755, uid: "0211160"}, "setuid with capability": {name: "su", body: "x", mode: 0o4755, uid: "7777777"},
		"mode of all": {name: "m", body: "x", mode: 0o7777777}, "mode of none": {name: "m", body: "x", mode: 0o10000},
		"file with slash": {name: "f/", body: "x"}, "directory with body": {name: "d", kind: '5', body: "x"}, "link with body": {name: "l", kind: '2', link: "x", body: "body"},
		"link of 5000 bytes": {name: "l", kind: '2', pax: map[string]string{"linkpath": strings.Repeat("x", 5000)}}, "link to nothing": {name: "l", kind: '2'},
		"link with zero": {name: "l", kind: '2', pax: map[string]string{"linkpath": "a\x00b"}}, "root as a file": {name: ".", body: "x"}, "root closed": {name: "./", kind: '5', mode: 0o10000},
	} {
		out = append(out, one("kind "+what, e))
	}
	return sorted(out)
}

func malformed(string) []attack {
	good := archive(dir("d"), file("d/f", strings.Repeat("body", 1000)))
	cut := func(n int) []byte { return good[:n] }
	raw := func(name string, b []byte) attack {
		return attack{name: "malformed: " + name, layers: []layer{packed(b)}}
	}
	lies := packed(good)
	lies.diff = digestOf([]byte("other"))
	return []attack{
		raw("no tar at all", []byte(strings.Repeat("this is no archive. ", 100))),
		raw("empty", nil), raw("one byte", []byte{1}), raw("half a header", cut(100)), raw("511 bytes", cut(511)), raw("only zeroes", make([]byte, 10240)),
		raw("cut in a header", cut(700)), raw("cut in a body", cut(1600)), raw("no end", cut(len(good)-1024)), raw("half an end", cut(len(good)-512)),
		raw("something after the end", append(slices.Clone(good), "more"...)), raw("another archive after the end", append(slices.Clone(good), archive(file("../evil", "evil"))...)),
		raw("zeroes amid", append(append(cut(512), make([]byte, 512)...), good...)),
		raw("a wrong checksum", archive(entry{name: "f", body: "x", badSum: true})),
		raw("a negative size", archive(entry{name: "f", size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"})),
		raw("a huge size", archive(entry{name: "f", size: "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"})),
		raw("a size in words", archive(entry{name: "f", size: "some"})), raw("a size without digits", archive(entry{name: "f", size: "           "})),
		raw("an owner in words", archive(entry{name: "f", uid: "rootroo"})), raw("a negative owner", archive(entry{name: "f", uid: "\xff\xff\xff\xff\xff\xff\xff\xff"})),
		raw("a time in words", archive(entry{name: "f", mtime: "yesterday"})), raw("an unknown magic", archive(entry{name: "f", magic: "evilevil"})),
		{name: "malformed: another digest than the configuration says", layers: []layer{lies}},
		{name: "malformed: second layer cut", layers: []layer{packed(good), packed(cut(1600))}},
	}
}

func compression(string) []attack {
	good := archive(dir("d"), file("d/f", strings.Repeat("body", 1000)))
	as := func(name, kind string, blob, unpacked []byte) attack {
		return attack{name: "compression: " + name, layers: []layer{{blob, digestOf(unpacked), ociLayer + kind}}}
	}
	z := gz(good)
	half := len(good) / 2
	two := append(gz(good[:half]), gz(good[half:])...)
	flipped := slices.Clone(z)
	flipped[len(flipped)-6] ^= 0xff
	return []attack{
		as("none", "", good, good), as("gzip said to be none", "", z, good), as("none said to be gzip", "+gzip", good, good),
		as("zstd", "+zstd", zst(good), good), as("zstd said to be gzip", "+gzip", zst(good), good), as("xz", "+gzip", xzed(bytes.NewReader(good)), good),
		as("gzip cut", "+gzip", z[:len(z)-12], good), as("gzip cut at its beginning", "+gzip", z[:9], good), as("gzip with a wrong sum", "+gzip", flipped, good),
		as("gzip with something behind", "+gzip", append(slices.Clone(z), "garbage"...), good), as("gzip in two members", "+gzip", two, good),
		as("gzip with another gzip behind", "+gzip", append(slices.Clone(z), gz([]byte("more"))...), good),
		as("gzip with zeroes behind", "+gzip", append(slices.Clone(z), make([]byte, 512)...), good),
		as("gzip twice", "+gzip", gz(z), z), as("zstd in gzip", "+gzip", gz(zst(good)), zst(good)),
		as("zstd cut", "+zstd", zst(good)[:20], good), as("zstd with a window of 8 GiB", "+zstd", []byte("\x28\xb5\x2f\xfd\x00\xb8\x01\x00\x00"), good),
		as("xz cut", "+gzip", xzed(bytes.NewReader(good))[:40], good), as("bzip2 that is none", "+gzip", []byte("BZh9 nothing"), good),
		as("gzip of nothing", "+gzip", gz(nil), nil), as("nothing", "+gzip", nil, nil),
	}
}

func zst(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

func xzed(r io.Reader) []byte {
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(w, r)
	w.Close()
	return out.Bytes()
}

// bombs are images that are far larger than what is sent; unpackLimit holds.
func bombs(string) []attack {
	zeroes := func(n int) []byte { return archive(file("zeroes", strings.Repeat("\x00", n))) }
	large, half := zeroes(2*unpackLimit), zeroes(unpackLimit*3/5)
	var many bytes.Buffer
	for i := range unpackLimit/block + 10 {
		many.Write(entry{name: fmt.Sprintf("%x", i)}.bytes())
	}
	limited := func(name string, layers ...layer) attack { return attack{"bomb: " + name, layers, true} }
	return []attack{
		limited("gzip", packed(large)),
		limited("zstd", layer{zst(large), digestOf(large), ociLayer + "+zstd"}),
		limited("xz", layer{xzed(bytes.NewReader(large)), digestOf(large), ociLayer + "+gzip"}),
		limited("not compressed", plain(large)),
		limited("in two layers", packed(half), packed(append(archive(file("a", "a"))[:1024], half...))),
		limited("of entries", packed(many.Bytes())),
		limited("sparse", packed(archive(entry{name: "f", body: "x", pax: map[string]string{
			"GNU.sparse.size": "999999999999", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,1",
		}}))),
		limited("after the end of the archive", packed(append(archive(file("a", "a")), make([]byte, 2*unpackLimit)...))),
		limited("of a long name", packed(archive(entry{name: "L", kind: 'L', body: strings.Repeat("n", 2*unpackLimit)}))),
		limited("within the limit", packed(half)),
	}
}

// flips are entries of one name that follow each other.
func flips(canary string) []attack {
	var again []entry
	for range 1000 {
		again = append(again, file("f", "f"), dir("f"), symlink("f", canary))
	}
	return []attack{
		one("flip file, directory, file", file("x", "1"), dir("x"), file("x", "2")),
		one("flip directory, link, file below", dir("x"), file("x/a", "a"), symlink("x", canary), file("x/b", "b")),
		one("flip link, directory, file below", symlink("x", canary), dir("x"), file("x/b", "b")),
		one("flip link, file, chmod", symlink("x", canary+"/file"), entry{name: "x", body: "x", mode: 0o777}),
		one("flip a directory whose mode comes last", dir("x"), symlink("x", canary+"/dir"), file("y", "y")),
		one("flip a thousand times", again...),
		one("flip case", file("Evil", "1"), file("evil", "2"), dir("EVIL")),
		one("flip a full directory into a link and back", dir("x"), dir("x/y"), file("x/y/z", "z"), symlink("x", "/"), dir("x"), file("x/canary", "c")),
		one("flip dev into a link", symlink("dev", canary), dir("dev/shm")),
		one("flip proc into a link", symlink("proc", canary), symlink("sys", canary), symlink("etc", canary)),
	}
}

// controls are what good images have.
func controls(string) []attack {
	return []attack{
		one("control: run is elsewhere", dir("run"), dir("var"), symlink("var/run", "/run"), file("var/run/x", "x")),
		one("control: hard links", file("a", "a"), hardlink("b", "a"), hardlink("c", "/a")),
		one("control: link to a file that comes later", symlink("a", "b"), file("b", "b")),
		{name: "control: opaque directory", layers: []layer{packed(archive(dir("o"), file("o/old", "old"))), packed(archive(dir("o"), file("o/.wh..wh..opq", ""), file("o/new", "new")))}},
		{name: "control: whiteout", layers: []layer{packed(archive(file("gone", "x"), file("kept", "x"))), packed(archive(file(".wh.gone", "")))}},
		{name: "control: directory becomes a link", layers: []layer{packed(archive(dir("lib"), file("lib/a", "a"))), packed(archive(symlink("lib", "usr/lib"), file("usr/lib/b", "b")))}},
		one("control: names of any letters", file("ünï çødé", "x"), file("with space", "x"), file("-dash", "x")),
		one("control: sticky and set-group", entry{name: "tmp", kind: '5', mode: 0o1777}, entry{name: "g", kind: '5', mode: 0o2755}),
	}
}
