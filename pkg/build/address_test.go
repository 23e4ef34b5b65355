package build

import "testing"

func TestAddresses(t *testing.T) {
	for word, want := range map[string]address{
		"https://h/x.tar.gz?a=b": {url: "https://h/x.tar.gz?a=b", shown: "https://h/x.tar.gz?a=b"},
		"https://u:p@h/x":        {url: "https://u:p@h/x", shown: "https://u:xxxxx@h/x"},
		"https://h/r.git":        {git: true, url: "https://h/r.git", shown: "https://h/r.git"},
		"https://h/r.git#v1:a/b": {git: true, url: "https://h/r.git", ref: "v1", subdir: "a/b", shown: "https://h/r.git#v1:a/b"},
		"https://h/r.git#:a":     {git: true, url: "https://h/r.git", subdir: "a", shown: "https://h/r.git#:a"},
		"https://h/r.git?ref=v1&subdir=a&checksum=abc&keep-git-dir=1": {
			git: true, url: "https://h/r.git", ref: "v1", subdir: "a", checksum: "abc", keepGit: true,
			shown: "https://h/r.git?ref=v1&subdir=a&checksum=abc&keep-git-dir=1",
		},
		"git@h:r.git#main": {git: true, url: "git@h:r.git", ref: "main", shown: "git@h:r.git"},
		"ssh://git@h/r":    {git: true, url: "ssh://git@h/r", shown: "ssh://git@h/r"},
	} {
		if got, err := parseAddress(word); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", word, got, err, want)
		}
	}
	for _, word := range []string{"https://h/r.git#--upload-pack=x", "https://h/r.git?what=x", "http://h:port/x"} {
		if got, err := parseAddress(word); err == nil {
			t.Errorf("%s is taken for %+v", word, got)
		}
	}
}
