package hostile

import (
	"os"
	"strings"
	"testing"
)

// TestAcceptedLayersDoNotEscape runs images whose links lead to the canary, and writes through them.
func TestAcceptedLayersDoNotEscape(t *testing.T) {
	a := newArena(t)
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	base := packed(archive(symlink("bin/sh", "busybox"), file("bin/busybox", string(box))))
	script := `for f in /l /l/file /l/dir /x /m /s /h /etc /dev /proc; do echo evil >$f; echo evil >$f/evil; bin/busybox chmod 777 $f; bin/busybox rm -rf $f/dir; done 2>/dev/null; true`
	seen := map[string]bool{}
	n := 0
	for _, at := range append(links(a.canary), flips(a.canary)...) {
		way, _, _ := strings.Cut(at.name, ",")
		if seen[way] {
			continue
		}
		seen[way] = true
		img := newImage(append([]layer{base}, at.layers...)...)
		_, name := a.registryOf(img)
		if o := a.pull(name); o.code != 0 {
			continue // refused, as testdata/layers.txt says
		}
		n++
		o := a.pod(nil, "run", "--rm", "--network", "none", name, "/bin/busybox", "sh", "-c", script)
		if o.hangs {
			t.Errorf("%s: hangs", at.name)
		}
		a.safe()
	}
	if n < 15 {
		t.Errorf("only %d images were run", n)
	}
	t.Logf("%d images were run", n)
}
