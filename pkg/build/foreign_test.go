package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// As the kernel shows what Debian's qemu-user-static registers.
const qemuARM64 = `enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: PF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`

func TestForeignRuns(t *testing.T) {
	amd64, arm64 := plan.Platform{OS: "linux", Arch: "amd64"}, plan.Platform{OS: "linux", Arch: "arm64"}
	for _, tt := range []struct {
		name     string
		platform plan.Platform
		handler  string
		want     string // part of the error; empty: none
	}{
		{"own", amd64, "", ""},
		{"32 bits", plan.Platform{OS: "linux", Arch: "386"}, "", ""},
		{"unknown", plan.Platform{OS: "linux", Arch: "vax"}, "", ""},
		{"other system", plan.Platform{OS: "windows", Arch: "amd64"}, "", "cannot run on linux/amd64"},
		{"no emulator", arm64, "", "knows no emulator"},
		{"emulator", arm64, qemuARM64, ""},
		{"emulator of another", plan.Platform{OS: "linux", Arch: "s390x"}, qemuARM64, "knows no emulator"},
		{"disabled", arm64, strings.Replace(qemuARM64, "enabled", "disabled", 1), "but disabled"},
		{"outside of containers", arm64, strings.Replace(qemuARM64, "PF", "P", 1), "without the flag F"},
		{"short mask", arm64, strings.Replace(qemuARM64, "mask ffffffffffffff00fffffffffffffffffeffffff", "mask ff", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"qemu": tt.handler, "status": "enabled\n", "python": "enabled\nextension .py\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := checkRuns(tt.platform, amd64, dir)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("the error is %v, want %q", err, tt.want)
			}
			if err != nil && tt.platform.OS == "linux" && !strings.Contains(hint.Of(err), "qemu-user-static") {
				t.Errorf("the hint is %q", hint.Of(err))
			}
		})
	}
}
