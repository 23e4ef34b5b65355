package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

const made = "localhost/made:1" // the name that the verbs on images give or take away

// imageVerb is a verb on images, lists or artifacts.
type imageVerb struct {
	verb
	// intact are commands that succeed whatever step the verb died at: what was there before.
	intact [][]string
	// undo are commands that may fail, after which the verb can be carried out again whether or not it was done.
	undo [][]string
}

// imageVerbs change images, or the files of a container. Each finds the name at an older image, as after an earlier build.
func imageVerbs(dir string) []imageVerb {
	archive := filepath.Join(dir, "files.tar")
	run := []string{"run", "-d", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000"}
	create := []string{"create", "--name", victim, "--network", "none", podtest.BoxImage, "true"}
	tag := []string{"tag", podtest.BoxImage, made}
	old := []string{"import", "-q", archive, made}
	var all []imageVerb
	for _, v := range []verb{
		{"commit", [][]string{run, tag}, []string{"commit", "-q", victim, made}, nil},
		{"import", [][]string{tag}, []string{"import", "-q", archive, made}, nil},
		{"import again", [][]string{old}, []string{"import", "-q", archive, made}, nil},
		{"tag", [][]string{old}, []string{"tag", podtest.BoxImage, made}, nil},
		{"rmi", [][]string{old}, []string{"rmi", made}, nil},
		{"image prune", [][]string{old, {"untag", made}, tag}, []string{"image", "prune", "-f"}, nil},
		{"cp", [][]string{create, tag}, []string{"cp", archive, victim + ":/f"}, nil},
	} {
		all = append(all, imageVerb{verb: v})
	}
	return all
}

// registryVerbs send images, lists and artifacts to a registry at host and bring them from there, or change what is sent. What a name
// meant there it means until the new is whole.
func registryVerbs(dir, host string) []imageVerb {
	const list, thing = "localhost/list:1", "localhost/thing:"
	file, plain := filepath.Join(dir, "files.tar"), "--tls-verify=false"
	tag := []string{"tag", podtest.BoxImage, made}
	old := []string{"import", "-q", file, made}
	push := func(from, to string) []string { return []string{"push", "-q", plain, from, host + to} }
	there := func(name string) []string { return []string{"manifest", "inspect", plain, host + name} }
	create, add := []string{"manifest", "create", list}, []string{"manifest", "add", list, podtest.BoxImage}
	shown := []string{"manifest", "inspect", list}
	gone := []string{"manifest", "rm", list}
	one, two := []string{"artifact", "add", thing + "1", file}, []string{"artifact", "add", thing + "2", file, filepath.Join(dir, "box.tar")}
	first := []string{"artifact", "inspect", thing + "1"}
	second := []string{"artifact", "rm", thing + "2"}
	send := func(n string) []string {
		return []string{"artifact", "push", "-q", plain, thing + n, host + "/thing:1"}
	}
	attested := []string{"build", "-q", "--provenance=true", "-t", made, filepath.Join(dir, "attested")}
	archive, lists, pulled := filepath.Join(dir, "loaded.tar"), filepath.Join(dir, "list.tar"), host+"/app:1"
	saveList := []string{"save", "-q", "--format", "oci-archive", "-o", lists, made}
	return []imageVerb{
		// Of the name that is pulled, and of the archive, no layer is in the store.
		{verb{"pull", [][]string{old, push(made, "/app:1"), {"rmi", "-f", made, pulled}, tag}, []string{"pull", "-q", plain, pulled}, nil}, nil, [][]string{{"rmi", pulled}}},
		{verb{"load", [][]string{old, {"save", "-q", "-o", archive, made}, {"rmi", made}, tag}, []string{"load", "-q", "-i", archive}, nil}, nil, nil},
		{verb{"save list", [][]string{attested}, saveList, nil}, nil, nil},
		{verb{"load list", [][]string{attested, saveList, {"rmi", made}, tag}, []string{"load", "-q", "-i", lists}, nil}, nil, nil},
		{verb{"push attested", [][]string{push(podtest.BoxImage, "/app:1"), attested}, push(made, "/app:1"), nil}, [][]string{there("/app:1")}, nil},
		{verb{"rmi attested", [][]string{attested}, []string{"rmi", made}, nil}, nil, nil},
		{verb{"push", [][]string{old, push(podtest.BoxImage, "/app:1")}, push(made, "/app:1"), nil}, [][]string{there("/app:1")}, nil},
		{verb{"save", [][]string{old}, []string{"save", "-q", "-o", filepath.Join(dir, "saved.tar"), made}, nil}, nil, nil},
		{verb{"manifest create", [][]string{tag}, create, nil}, nil, [][]string{gone}},
		{verb{"manifest add", [][]string{tag, create}, add, nil}, [][]string{shown}, nil},
		{verb{"manifest push", [][]string{tag, create, add, push(podtest.BoxImage, "/list:1")}, []string{"manifest", "push", "-q", plain, list, host + "/list:1"}, nil}, [][]string{shown, there("/list:1")}, nil},
		{verb{"manifest rm", [][]string{tag, create, add}, gone, nil}, nil, [][]string{create}},
		{verb{"artifact add", [][]string{tag, one}, two, nil}, [][]string{first}, [][]string{second}},
		{verb{"artifact rm", [][]string{tag, one, two}, second, nil}, [][]string{first}, [][]string{two}},
		{verb{"artifact push", [][]string{tag, one, two, send("1")}, send("2"), nil}, [][]string{first, there("/thing:1")}, nil},
		{verb{"artifact pull", [][]string{tag, one, two, send("1"), second}, []string{"artifact", "pull", "-q", plain, host + "/thing:1"}, nil}, [][]string{first}, nil},
	}
}

// TestEveryStepOfImagesSurvivesItsDeath kills the command at each step of the verbs that change images. The name means a whole image before and
// after, the store is undamaged, the same command works again, and nothing stays that check does not find.
func TestEveryStepOfImagesSurvivesItsDeath(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	if err := podtest.WriteArchives(dir, ""); err != nil {
		t.Fatal(err)
	}
	// Any tar archive will do for files.
	if err := os.Link(filepath.Join(dir, "box.tar"), filepath.Join(dir, "files.tar")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "attested"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "attested", "Dockerfile"), []byte("FROM scratch\nCOPY Dockerfile /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var table results
	all := append(imageVerbs(dir), registryVerbs(dir, podtest.Registry(t))...)
	for _, v := range all {
		steps := b.steps(v.verb)
		b.clearImages()
		for _, s := range steps {
			// The end of a container, and the events, are the other verbs' concern.
			if verb, _, _ := strings.Cut(s.name, "."); slices.Contains([]string{"monitor", "cleanup", "event", "images"}, verb) {
				continue
			}
			t.Run(v.name+"/"+s.name, func(t *testing.T) {
				err := b.imageSurvives(v, s)
				table.add(v.name, s.name, "command", err)
				if err != nil {
					t.Error(err)
					b.clearImages()
				}
			})
		}
	}
	t.Logf("steps at which a command on images was killed:\n%s", &table)
}

// clearImages leaves only the image of the tests.
func (b *bench) clearImages() {
	b.t.Helper()
	b.clear()
	if err := b.noImages(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) noImages() error {
	return errors.Join(b.command(nil, "rmi", "-f", "localhost/list:1", made), b.command(nil, "artifact", "rm", "--all"), b.command(nil, "image", "prune", "-f"),
		b.command(nil, "builder", "prune", "--all", "--force"), b.command(nil, "system", "check", "--repair", "--max", "1ns"))
}

func (b *bench) imageSurvives(v imageVerb, s step) error {
	if err := b.prepare(v.verb, nil); err != nil {
		return fmt.Errorf("preparation: %w", err)
	}
	if err := b.command([]string{"POD_FAILPOINT=" + s.name + "=kill"}, v.args...); errors.Is(err, errHangs) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if out, err := b.world.Run(ctx, "system", "check", "--full"); err != nil || strings.Contains(out, "damaged") {
		return fmt.Errorf("the store is damaged: %s: %w", out, err)
	}
	// The name means an image, unless the verb was to take it away.
	err := b.command(nil, "image", "inspect", made)
	if err != nil && !strings.HasPrefix(v.name, "rmi") {
		return fmt.Errorf("the name means nothing now: %w", err)
	}
	for _, args := range v.intact {
		if err := b.command(nil, args...); err != nil {
			return fmt.Errorf("what was there is not: %w", err)
		}
	}
	for _, args := range v.undo {
		_ = b.command(nil, args...) // see imageVerb
	}
	// A container that was frozen for a commit can be told to go on, and rm -f ends it in any case.
	if err := b.again(v.verb, err != nil); err != nil {
		return err
	}
	for _, args := range v.undo {
		_ = b.command(nil, args...)
	}
	return errors.Join(b.othersWork(), b.command(nil, "rm", "--all", "--force", "--time", "0"), b.noImages(), b.removable())
}

// again runs the verb without a fault.
func (b *bench) again(v verb, done bool) error {
	if done {
		return nil
	}
	if err := b.command(nil, v.args...); err != nil {
		return fmt.Errorf("the same again: %w", err)
	}
	return nil
}
