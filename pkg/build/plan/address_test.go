package plan

import "testing"

func TestIsAddress(t *testing.T) {
	for word, want := range map[string]bool{
		"https://h/x": true, "http://h": true, "git://h/r": true, "ssh://git@h/r": true, "git@h:r.git": true, "me@h.example:r#main": true,
		"": false, ".": false, "dir": false, "file@2": false, "@scope/pkg": false, "a/b@h:r": false, "git@h/r": false, "-o@h:r": false, "git@-h:r": false,
		"ftp://h/x": false, "HTTP://h/x": false, "C:/x": false, "a@b/c:d": false,
	} {
		if got := IsAddress(word); got != want {
			t.Errorf("%q: %t", word, got)
		}
	}
}
