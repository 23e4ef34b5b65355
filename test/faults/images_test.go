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

// imageVerbs change images, or the files of a container. Each finds the name at an older image, as after an earlier build.
func imageVerbs(dir string) []verb {
	archive := filepath.Join(dir, "files.tar")
	run := []string{"run", "-d", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000"}
	create := []string{"create", "--name", victim, "--network", "none", podtest.BoxImage, "true"}
	tag := []string{"tag", podtest.BoxImage, made}
	old := []string{"import", "-q", archive, made}
	return []verb{
		{"commit", [][]string{run, tag}, []string{"commit", "-q", victim, made}, nil},
		{"import", [][]string{tag}, []string{"import", "-q", archive, made}, nil},
		{"import again", [][]string{old}, []string{"import", "-q", archive, made}, nil},
		{"tag", [][]string{old}, []string{"tag", podtest.BoxImage, made}, nil},
		{"rmi", [][]string{old}, []string{"rmi", made}, nil},
		{"image prune", [][]string{old, {"untag", made}, tag}, []string{"image", "prune", "-f"}, nil},
		{"cp", [][]string{create, tag}, []string{"cp", archive, victim + ":/f"}, nil},
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
	var table results
	for _, v := range imageVerbs(dir) {
		steps := b.steps(v)
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
	return errors.Join(b.command(nil, "rmi", "-f", made), b.command(nil, "image", "prune", "-f"),
		b.command(nil, "system", "check", "--repair", "--max", "1ns"))
}

func (b *bench) imageSurvives(v verb, s step) error {
	if err := b.prepare(v, nil); err != nil {
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
	if err != nil && v.name != "rmi" {
		return fmt.Errorf("the name means nothing now: %w", err)
	}
	// A container that was frozen for a commit can be told to go on, and rm -f ends it in any case.
	if err := b.again(v, err != nil); err != nil {
		return err
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
