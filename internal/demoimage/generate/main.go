// Command generate makes the archive that package demoimage embeds: generate PROGRAM ARCHIVE.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/demoimage"
	"github.com/pod-engine/pod/internal/imagearchive"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate PROGRAM ARCHIVE")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(program, archive string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = imagearchive.Write(&b, imagearchive.Image{
		Name:   demoimage.Name,
		Arch:   runtime.GOARCH,
		Config: imagearchive.Config{Cmd: []string{"/hello"}, Env: []string{"PATH=/"}},
		Files:  []imagearchive.File{{Name: "hello", Mode: 0o755, Data: data}},
	})
	if err != nil {
		return err
	}
	// An unchanged file keeps its time, and pod is not linked again.
	if old, err := os.ReadFile(archive); err == nil && bytes.Equal(old, b.Bytes()) {
		return nil
	}
	return atomicfile.Write(archive, b.Bytes())
}
