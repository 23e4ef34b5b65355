package layerfs_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/scan/layerfs"
	"github.com/pod-engine/pod/pkg/scan/layerfs/layertest"
)

// show lists files as "path@layer", hidden ones with who hid them: "path@1 deleted by 2".
func show(img *layerfs.Image) (lines []string) {
	for _, n := range slices.Concat(img.Visible, img.Hidden) {
		if n.Mode.IsDir() && n.HiddenBy == 0 {
			continue
		}
		line := fmt.Sprintf("%s@%d", n.Path, n.Layer)
		switch {
		case n.HiddenBy != 0 && n.Deleted:
			line += fmt.Sprintf(" deleted by %d", n.HiddenBy)
		case n.HiddenBy != 0:
			line += fmt.Sprintf(" replaced by %d", n.HiddenBy)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestMerge(t *testing.T) {
	type layer = layertest.Layer
	text, gone := layertest.Text, layertest.Whiteout()
	opaque := layertest.File{Mode: fs.ModeDir | 0o755, Opaque: true}
	cases := map[string]struct {
		layers []layer
		want   string
	}{
		"one":                         {[]layer{{"a": text("x"), "d/b": text("y")}}, "a@1, d/b@1"},
		"replaced":                    {[]layer{{"a": text("x")}, {"a": text("y")}}, "a@1 replaced by 2, a@2"},
		"deleted":                     {[]layer{{"a": text("x")}, {"a": gone}}, "a@1 deleted by 2"},
		"deleted directory":           {[]layer{{"d/a": text("x")}, {"d": gone}}, "d/a@1 deleted by 2, d@1 deleted by 2"},
		"deleted and made again":      {[]layer{{"a": text("x")}, {"a": gone}, {"a": text("y")}}, "a@1 replaced by 2, a@3"},
		"deleted below a directory":   {[]layer{{"d/a": text("x")}, {"d": gone}, {"d/b": text("y")}}, "d/a@1 deleted by 2, d/b@3, d@1 replaced by 2"},
		"replaced twice":              {[]layer{{"a": text("x")}, {"a": text("y")}, {"a": text("z")}}, "a@1 replaced by 2, a@2 replaced by 3, a@3"},
		"whiteout of nothing":         {[]layer{{"a": gone}}, ""},
		"whiteout is not for itself":  {[]layer{{"d": gone}, {"d/a": text("x")}}, "d/a@2"},
		"opaque":                      {[]layer{{"d/a": text("x"), "d/b": text("x")}, {"d": opaque, "d/a": text("y")}}, "d/a@1 replaced by 2, d/a@2, d/b@1 deleted by 2"},
		"opaque in the middle":        {[]layer{{"d/a": text("x")}, {"d": opaque}, {"d/b": text("x")}}, "d/a@1 deleted by 2, d/b@3"},
		"opaque, deep":                {[]layer{{"d/e/a": text("x")}, {"d": opaque, "d/e/b": text("y")}}, "d/e/a@1 deleted by 2, d/e/b@2, d/e@1 replaced by 2"},
		"directory becomes a file":    {[]layer{{"d/a": text("x")}, {"d": text("f")}}, "d/a@1 deleted by 2, d@1 replaced by 2, d@2"},
		"file becomes a directory":    {[]layer{{"d": text("f")}, {"d/a": text("x")}}, "d/a@2, d@1 replaced by 2"},
		"link hides a directory":      {[]layer{{"d/a": text("x")}, {"d": {Link: "/e"}}}, "d/a@1 deleted by 2, d@1 replaced by 2, d@2"},
		"whiteout below a deletion":   {[]layer{{"d/a": text("x")}, {"d/a": gone}, {"d": gone}}, "d/a@1 deleted by 3, d@1 deleted by 3, d@2 deleted by 3"},
		"opaque root":                 {[]layer{{"a": text("x")}, {"": opaque, "b": text("y")}}, "a@1 deleted by 2, b@2"},
		"whiteout in an older opaque": {[]layer{{"d/a": text("x")}, {"d": opaque}, {"d/a": gone}, {"d/a": text("z")}}, "d/a@1 replaced by 2, d/a@4"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(show(layertest.Image(t, c.layers...)), ", "); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	img := layertest.Image(t, layertest.Layer{
		"a": {Body: "12345", Inode: 7}, "b": {Body: "12345", Inode: 7}, "c": layertest.Text("1"), "l": {Link: "a"},
	}, layertest.Layer{"a": layertest.Whiteout(), "d": layertest.Text("123")})
	if want := []int64{6, 3}; !slices.Equal(img.Sizes, want) {
		t.Errorf("sizes are %v, want %v", img.Sizes, want)
	}
}

func TestLookup(t *testing.T) {
	img := layertest.Image(t, layertest.Layer{
		"usr/lib/os-release": layertest.Text("x"),
		"etc/os-release":     {Link: "../usr/lib/os-release"},
		"lib":                {Link: "usr/lib"},
		"abs":                {Link: "/lib"},
		"up":                 {Link: "../../../../usr/lib/os-release"},
		"odd":                {Link: ".//./lib/./os-release"},
		"loop":               {Link: "loop"},
		"a":                  {Link: "b/x"},
		"b":                  {Link: "a"},
		"out":                {Link: "/../../proc/self/root/etc/shadow"},
		"dot":                {Link: "."},
	})
	const found = "usr/lib/os-release"
	for name, want := range map[string]string{
		found: found, "/" + found: found, "etc/os-release": found, "lib/os-release": found, "abs/os-release": found, "up": found, "odd": found,
		"abs/../lib/os-release": found, "dot/lib/os-release": found, "loop": "", "a": "", "out": "", "nothing": "", "etc/os-release/x": "", "": "",
	} {
		got := ""
		if n := img.Lookup(name); n != nil {
			got = n.Path
		}
		if got != want {
			t.Errorf("%q leads to %q, want %q", name, got, want)
		}
	}
}

func TestReadIsLimited(t *testing.T) {
	img := layertest.Image(t, layertest.Layer{
		"small": layertest.Text("12345"), "huge": {Size: 1 << 60}, "fifo": {Mode: fs.ModeNamedPipe | 0o644}, "link": {Link: "small"},
	})
	if b, err := img.Lookup("small").Read(5); err != nil || string(b) != "12345" {
		t.Errorf("got %q, %v", b, err)
	}
	for _, name := range []string{"small", "huge", "fifo"} {
		if b, err := img.Lookup(name).Read(4); err == nil {
			t.Errorf("%s gives %q", name, b)
		}
	}
}
