package plan

import (
	"strings"
	"testing"
)

// TestParsePlatform has the names that containerd gives to platforms.
func TestParsePlatform(t *testing.T) {
	for text, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/x86_64": "linux/amd64", "linux/amd64/v1": "linux/amd64", "linux/amd64/v2": "linux/amd64/v2", "LINUX/AMD64": "linux/amd64",
		"linux/arm64": "linux/arm64", "linux/aarch64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "linux/arm64/8": "linux/arm64", "linux/arm64/v9": "linux/arm64/v9",
		"linux/arm": "linux/arm/v7", "linux/arm/6": "linux/arm/v6", "linux/arm/v5": "linux/arm/v5", "linux/armhf": "linux/arm/v7", "linux/armel": "linux/arm/v6",
		"linux/i386": "linux/386", "linux": "linux/riscv64", "windows": "windows/riscv64", "s390x": "linux/s390x", "x86_64": "linux/amd64", "arm": "linux/arm/v7",
		"": "error: OS/ARCH", "/": "error: OS/ARCH", "linux/": "error: OS/ARCH", "/amd64": "error: OS/ARCH", "linux/arm/v7/x": "error: OS/ARCH", "solaris9": "error: no architecture",
	} {
		got, err := ParsePlatform(text, "riscv64")
		problem, wrong := strings.CutPrefix(want, "error: ")
		if wrong && (err == nil || !strings.Contains(err.Error(), problem)) || !wrong && (err != nil || got.String() != want) {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
}

// TestNeedOf reads the keys that needs are known by, of names with a digest too.
func TestNeedOf(t *testing.T) {
	for _, n := range []Need{
		{Name: "quay.io/a/b:1", Platform: Platform{OS: "linux", Arch: "arm", Variant: "v7"}},
		{Name: "a@sha256:" + strings.Repeat("0", 64), Platform: Platform{OS: "linux", Arch: "amd64"}},
	} {
		if got := NeedOf(n.Key()); got != n {
			t.Errorf("%s is %+v, want %+v", n.Key(), got, n)
		}
	}
}
