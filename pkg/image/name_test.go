package image

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for in, want := range map[string]string{
		"alpine":                                "alpine",
		"library/alpine:3.20":                   "library/alpine:3.20",
		"docker.io/alpine":                      "docker.io/library/alpine",
		"index.docker.io/alpine:1":              "docker.io/library/alpine:1",
		"localhost/a":                           "localhost/a",
		"registry:5000/team/app":                "registry:5000/team/app",
		"127.0.0.1:5000/a:b":                    "127.0.0.1:5000/a:b",
		"quay.io/a/b/c@" + digest:               "quay.io/a/b/c@" + digest,
		"a@" + digest:                           "a@" + digest,
		"my__app/x-y--z/q.w_e":                  "my__app/x-y--z/q.w_e",
		"a:" + strings.Repeat("t", 128):         "a:" + strings.Repeat("t", 128),
		"docker.io/library/x:" + "V1.0_rc-2":    "docker.io/library/x:V1.0_rc-2",
		"example.com/" + strings.Repeat("a", 9): "example.com/aaaaaaaaa",
	} {
		n, err := ParseName(in)
		if err != nil || n.String() != want {
			t.Errorf("ParseName(%q) = %q, %v; want %q", in, n, err, want)
		}
	}
}

func TestParseNameRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "no repository",
		"Alpine":                              "must be lowercase",
		"a//b":                                "repository is made of",
		"-a":                                  "repository is made of",
		"a-":                                  "repository is made of",
		"a..b":                                "repository is made of",
		"a___b":                               "repository is made of",
		"a:":                                  "tag",
		"a:-x":                                "tag",
		"a:" + strings.Repeat("t", 129):       "tag",
		"a@sha256:12":                         "digest",
		"a b":                                 "repository is made of",
		"reg_istry.io/x":                      "registry",
		"registry:port/x":                     "registry",
		strings.Repeat("0123456789abcdef", 4): "an id",
		"a/" + strings.Repeat("b", 255):       "255",
		"$(rm -rf)/x":                         "repository is made of",
		"[::1]:5000/a":                        "registry",
		"../x":                                "registry",
	} {
		if n, err := ParseName(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseName(%q) = %v, %v; want an error about %q", in, n, err, want)
		}
	}
}

func TestTagged(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for in, want := range map[string]string{"a": "a:latest", "a:1": "a:1", "a" + digest: "a" + digest, "a:1" + digest: "a" + digest} {
		n, err := ParseName(in)
		if err != nil || n.Tagged().String() != want {
			t.Errorf("%q tagged is %q, %v; want %q", in, n.Tagged(), err, want)
		}
	}
}

// FuzzParseName checks that what was accepted once is accepted again in its own normal form.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"a", "docker.io/a", "x:1", "localhost:80/q", "a@sha256:" + strings.Repeat("1", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		again, err := ParseName(n.String())
		if err != nil || again != n {
			t.Errorf("%q became %q, which is read as %#v, %v", s, n, again, err)
		}
	})
}
