// Command registry serves image archives from memory over plain HTTP on a free port of 127.0.0.1, each under the name of its
// file, until it is killed. It prints its address once it can be asked.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: registry ARCHIVE...")
		os.Exit(2)
	}
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func serve(archives []string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- http.Serve(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) }()
	for _, archive := range archives {
		if err := push(archive, listener.Addr().String()); err != nil {
			return fmt.Errorf("serve %s: %w", archive, err)
		}
	}
	fmt.Println(listener.Addr())
	return <-served
}

func push(archive, host string) error {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(host+"/"+strings.TrimSuffix(filepath.Base(archive), ".tar"), name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(ref, image)
}
