package build

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// cacheOf makes entries: a chain base <- copy <- run of layers, of which an image has base, and a cache mount.
func cacheOf(now time.Time) []Entry {
	used := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	entries := []Entry{
		{ID: "base", Kind: EntryStep, layer: "1", Size: 100, Used: used(72), Shared: true, Text: "RUN apt"},
		{ID: "copy", Kind: EntryStep, layer: "2", parent: "1", Size: 10, Used: used(50), Text: "COPY . /"},
		{ID: "again", Kind: EntryStep, layer: "2", parent: "1", Size: 10, Used: used(49), Text: "COPY . /"},
		{ID: "run", Kind: EntryStep, layer: "3", parent: "2", Size: 1, Used: used(5), Text: "RUN make"},
		{ID: "go", Kind: EntryMount, Size: 1000, Used: used(60), Text: "cache /root/.cache"},
		{ID: "old", Kind: EntryStep, layer: "9", Size: 7, Used: used(400), Text: "RUN old"},
	}
	sortEntries(entries)
	return entries
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		name    string
		policy  Policy
		filters string
		free    int64
		want    string // in this order
	}{
		{name: "what no image has, layers above others first", want: "old go run copy again"},
		{name: "all", policy: Policy{All: true}, want: "old go run copy again base"},
		{name: "what lies below was used with what is above", filters: "until=10h", want: "old go"},
		{name: "unused-for", filters: "unused-for=100h", want: "old"},
		{name: "type", filters: "type=exec.cachemount", want: "go"},
		{name: "not that type", policy: Policy{All: true}, filters: "type!=exec.cachemount until=100h", want: "old"},
		{name: "a part of the text", filters: "description~=make", want: "run"},
		{name: "without a text", filters: "description!~=RUN", want: "go copy again"},
		{name: "shared alone", policy: Policy{All: true}, filters: "shared", want: "base"},
		{name: "private", policy: Policy{All: true}, filters: "private id=run", want: "run"},
		{name: "not in use", policy: Policy{All: true}, filters: "inuse=false type=regular", want: "old run copy again"},
		{name: "what is there may stay", policy: Policy{MaxUsed: 1018}},
		{name: "no more than is needed", policy: Policy{MaxUsed: 1017}, want: "old"},
		{name: "down to a bound", policy: Policy{MaxUsed: 500}, want: "old go"},
		{name: "never below what is reserved", policy: Policy{MaxUsed: 1, Reserved: 1015}, want: "old"},
		{name: "reserved alone", policy: Policy{Reserved: 11}, want: "old go"},
		{name: "enough is free", policy: Policy{MinFree: 10}, free: 10},
		{name: "some is to be freed", policy: Policy{MinFree: 18}, free: 10, want: "old go"},
		{name: "both bounds", policy: Policy{MaxUsed: 5000, MinFree: 11}, free: 10, want: "old"},
		{name: "bounds and filters", policy: Policy{MaxUsed: 1}, filters: "type=regular", want: "old run copy again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for word := range strings.FieldsSeq(test.filters) {
				f, err := ParseFilter(word)
				if err != nil {
					t.Fatal(err)
				}
				test.policy.Filters = append(test.policy.Filters, f)
			}
			var got []string
			for _, e := range test.policy.Choose(cacheOf(time.Now()), test.free) {
				got = append(got, e.ID)
			}
			if !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("%s go; want %s", got, test.want)
			}
		})
	}
}

func TestEntriesOfOneLayerCountOnce(t *testing.T) {
	var total int64
	for _, e := range cacheOf(time.Now()) {
		total += e.Size
	}
	if total != 1118 {
		t.Errorf("the cache has %d bytes; want 1118", total)
	}
}

func TestFiltersRefused(t *testing.T) {
	for _, text := range []string{"", "until", "until=", "until=x", "until!=1h", "shared=perhaps", "shared!=true", "id", "color=red", "parent=x"} {
		if _, err := ParseFilter(text); err == nil {
			t.Errorf("the filter %q was taken", text)
		}
	}
}
