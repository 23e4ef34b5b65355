package files

import "testing"

// TestStatCacheReadsWhatIsWhole decodes a file that was cut off anywhere, or is something else.
func TestStatCacheReadsWhatIsWhole(t *testing.T) {
	c := &statCache{path: t.TempDir() + "/stat", files: map[string]statEntry{}, dirty: true}
	c.files["a"] = statEntry{ino: 1, size: 2, mtime: 3, ctime: 4, sum: [32]byte{5}}
	c.files["b/c"] = statEntry{ino: 6, attributed: true}
	c.save()
	whole, err := ReadFile(c.path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		got := &statCache{files: map[string]statEntry{}}
		got.decode(whole[:n])
		for name, e := range got.files {
			if c.files[name] != e {
				t.Errorf("of the first %d bytes %q is %+v", n, name, e)
			}
		}
	}
	got := &statCache{files: map[string]statEntry{}}
	if got.decode(whole); len(got.files) != 2 {
		t.Errorf("of the whole %d files are read", len(got.files))
	}
}
