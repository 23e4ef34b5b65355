package transfer

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// TestSearchByDockersWay asks registries that have docker's search, that have none, and both at once.
func TestSearchByDockersWay(t *testing.T) {
	docker := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/search" {
			return false
		}
		io.WriteString(w, `{"results":[
			{"name":"box","description":"a\tbox\n","star_count":7,"is_official":true},
			{"name":"jo/box","description":"another","star_count":1,"is_automated":true}]}`)
		return true
	}))
	mute := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		http.NotFound(w, r)
		return true
	}))
	newStore(t, "unqualified-search-registries = [\""+docker+"\", \""+mute+"\"]\n"+insecure(docker)+insecure(mute))
	yes := true
	for _, c := range []struct {
		term   string
		filter image.SearchFilter
		want   []string
		err    string
	}{
		{docker + "/box", image.SearchFilter{}, []string{docker + "/box", docker + "/jo/box"}, ""},
		{docker + "/box", image.SearchFilter{Stars: 2}, []string{docker + "/box"}, ""},
		{docker + "/box", image.SearchFilter{Automated: &yes}, []string{docker + "/jo/box"}, ""},
		{mute + "/box", image.SearchFilter{}, nil, "this registry cannot be searched"},
		{"box", image.SearchFilter{Official: &yes}, []string{docker + "/box"}, "this registry cannot be searched"},
	} {
		found, err := Transfer{}.Search(t.Context(), c.term, image.SearchOptions{SearchFilter: c.filter})
		var names []string
		for _, f := range found {
			names = append(names, f.Name)
			if strings.ContainsAny(f.Description, "\t\n") {
				t.Errorf("description is %q", f.Description)
			}
		}
		if strings.Join(names, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: found %v, want %v", c.term, names, c.want)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.term, err, c.err)
		}
		if c.err != "" && !strings.Contains(hint.Of(err), "--list-tags") {
			t.Errorf("%s: hint %q", c.term, hint.Of(err))
		}
	}
}
