package transfer

import "testing"

func TestTransport(t *testing.T) {
	for name, want := range map[string][2]string{
		"alpine":                     {"docker", "//alpine"},
		"docker:dind":                {"docker", "//docker:dind"},
		"docker://quay.io/a:1":       {"docker", "//quay.io/a:1"},
		"dir:/tmp/a":                 {"dir", "/tmp/a"},
		"oci:a:tag":                  {"oci", "a:tag"},
		"oci-archive:a.tar":          {"oci-archive", "a.tar"},
		"docker-archive:a.tar:b:1":   {"docker-archive", "a.tar:b:1"},
		"docker-daemon:a:1":          {"docker-daemon", "a:1"},
		"containers-storage:a":       {"containers-storage", "a"},
		"registry:5000/a":            {"docker", "//registry:5000/a"},
		"quay.io/dir:1":              {"docker", "//quay.io/dir:1"},
		"docker.io/library/dir:1@sh": {"docker", "//docker.io/library/dir:1@sh"},
	} {
		if word, rest := transport(name); word != want[0] || rest != want[1] {
			t.Errorf("%s is %s and %s, want %v", name, word, rest, want)
		}
	}
}
