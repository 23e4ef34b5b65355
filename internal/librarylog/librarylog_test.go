package librarylog

import (
	"bytes"
	"testing"

	"github.com/sirupsen/logrus"
)

func TestFormat(t *testing.T) {
	var out bytes.Buffer
	log := logrus.New()
	log.SetOutput(&out)
	log.SetFormatter(Format{"pod"})
	log.SetLevel(logrus.WarnLevel)
	log.Warnf("Found incomplete layer %q, deleting it", "abc")
	log.Warn("Trying to create a layer \"abc\" while directory \"/x\" already exists; removing it first")
	log.Error("a\x1b[31mb")
	if got, want := out.String(), "pod: warning: image store: ab\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	out.Reset()
	log.SetLevel(logrus.DebugLevel)
	log.Warn("Found incomplete layer \"abc\", deleting it")
	log.Debug("more")
	if got := out.String(); !bytes.Contains(out.Bytes(), []byte("pod: warning: image store: Found")) || !bytes.Contains(out.Bytes(), []byte("level=debug msg=more")) {
		t.Errorf("asked for, it says %q", got)
	}
}
