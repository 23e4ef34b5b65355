package transfer

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestPlatforms(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	other := "s390x"
	here, there := small("here"), small("there")
	here.Arch, there.Arch = runtime.GOARCH, other
	ref := host + "/app:1"
	if err := podtest.PushIndex(t.Context(), ref, there, here); err != nil {
		t.Fatal(err)
	}
	img := pull(t, s, ref, image.PullOptions{})
	if img.Config.Architecture != runtime.GOARCH {
		t.Errorf("without a platform the image is for %s", img.Config.Architecture)
	}
	if len(img.Digests) != 2 {
		t.Errorf("digests are %v; want that of the image and that of the list", img.Digests)
	}
	platform := image.Platform{OS: "linux", Arch: other}
	_, err := s.Resolve(t.Context(), ref, image.PullOptions{Platform: platform, Policy: image.PullNever})
	if !errors.Is(err, image.ErrNotFound) || !strings.Contains(err.Error(), "is for linux/"+runtime.GOARCH) {
		t.Errorf("never, another platform: %v", err)
	}
	img, err = s.Resolve(t.Context(), ref, image.PullOptions{Platform: platform, Policy: image.PullMissing})
	if err != nil || img.Config.Architecture != other || content(t, s, img, "etc/hello") != "there" {
		t.Errorf("missing, another platform: %v, %v", img, err)
	}
	if _, err = (Transfer{}).Pull(t.Context(), s, ref, image.PullOptions{Platform: image.Platform{Arch: "riscv64"}}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a platform that is not there: %v", err)
	}
}
