package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestMaliciousArchivesOfBuilds has builds unpack what attacks as a layer, in turn as an archive of ADD and as the context itself.
func TestMaliciousArchivesOfBuilds(t *testing.T) {
	a := newArena(t)
	// What other commands see of the store from the beginning on.
	if o := a.pod(nil, "images", "-q"); o.code != 0 {
		t.Fatal(o.stderr)
	}
	all := attacks(a.canary)
	step := sample(9)
	var chosen []int
	for i := range all {
		if i%step == 0 || all[i].limited {
			chosen = append(chosen, i)
		}
	}
	results := together(len(all), workers, chosen, func(i int) result { return a.build(i, all[i]) })
	a.safe()
	fmt.Println("hostile: archives of builds:", count(results))
	for _, args := range [][]string{{"rmi", "-a", "-f"}, {"builder", "prune", "-a", "-f"}} {
		if o := a.pod(nil, args...); o.code != 0 {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
}

// build builds with the first layer of an attack.
func (a *arena) build(n int, at attack) result {
	dir := filepath.Join(a.world.Dir, "t", "build"+strconv.Itoa(n))
	defer os.RemoveAll(dir)
	r := result{at.name, []string{"ADD", "context"}[n/9%2], "accepted"}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "archive"), at.layers[0].blob, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nADD archive /in/\nADD archive /in/dir/\n"), 0o644)
	}
	if err != nil {
		a.t.Error(err)
		return r
	}
	var env []string
	if at.limited {
		env = []string{"POD_UNPACK_LIMIT=" + strconv.Itoa(unpackLimit)}
	}
	args := []string{"build", "-q", dir}
	if r.way == "context" {
		// Its Dockerfile comes from elsewhere; what COPY takes of it leads nowhere else.
		img := newImage(at.layers...)
		a.registry.add("build"+strconv.Itoa(n), img)
		served := fmt.Sprintf("http://%s/v2/build%d/%s", a.host, n, blobOf(img))
		args = []string{"build", "-q", "--build-context", "all=" + served, "-f", filepath.Join(dir, "Copy"), dir}
		if err := os.WriteFile(filepath.Join(dir, "Copy"), []byte("FROM scratch\nCOPY --from=all / /in/\n"), 0o644); err != nil {
			a.t.Error(err)
		}
	}
	o := a.pod(env, args...)
	switch {
	case o.hangs:
		a.t.Errorf("%s (%s): hangs", at.name, r.way)
	case strings.Contains(o.stderr, "panic") || strings.Contains(o.stderr, "goroutine"):
		a.t.Errorf("%s (%s): a crash: %s", at.name, r.way, o.stderr)
	case o.code != 0 && o.code != 125:
		a.t.Errorf("%s (%s): exit code %d, %s", at.name, r.way, o.code, o.stderr)
	case o.code != 0:
		r.text = "refused"
	case r.way == "ADD" && strings.Contains(at.name, "of a long name"):
		// ADD does not take a file for an archive whose first header cannot be read, and copies it as it is.
	case at.limited && !strings.Contains(at.name, "within the limit") && !strings.Contains(at.name, "in two layers"):
		a.t.Errorf("%s (%s): it was unpacked beyond the limit", at.name, r.way)
	}
	return r
}
