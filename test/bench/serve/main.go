// Command serve is the registry of the benchmark: it makes images of a given size in memory and serves them on the loopback address
// until its standard input ends. It prints the address, and writes an archive with many small images when asked to.
//
//	serve [-layers N] [-size BYTES] [-many FILE -count N]
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	layers := flag.Int("layers", 10, "layers of the large image")
	size := flag.Int("size", 50<<20, "bytes of each, unpacked")
	many := flag.String("many", "", "archive to write small images to")
	count := flag.Int("count", 200, "small images")
	flag.Parse()
	if err := run(*layers, *size, *many, *count); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(layers, size int, many string, count int) error {
	if many != "" {
		if err := writeMany(many, count); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	img, err := image(layers, size)
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(listener.Addr().String()+"/large:latest", name.Insecure)
	if err != nil {
		return err
	}
	if err := remote.Write(ref, img); err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// image has layers of files as programs and libraries are: some large, many small, packing to about half.
func image(layers, size int) (v1.Image, error) {
	img := empty.Image
	for i := range layers {
		text := files(i, size)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, err
		}
	}
	return linux(img, 0)
}

func files(seed, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for n := 0; text.Len() < size; n++ {
		length := 1 << (8 + random.IntN(12))
		_ = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("usr/%d/%d/%d", seed, n%50, n), Mode: 0o644, Size: int64(length), Typeflag: tar.TypeReg})
		_, _ = w.Write(content(random, length))
	}
	w.Close()
	return text.Bytes()
}

// content mixes words that come again with bytes that do not.
func content(random *rand.Rand, length int) []byte {
	words := []string{"container", "image", "layer", "registry", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x48\x89\xe5\x48\x83\xec"}
	var b bytes.Buffer
	for b.Len() < length {
		b.WriteString(words[random.IntN(len(words))])
		for range 3 {
			b.WriteByte(byte(random.Uint32()))
		}
	}
	return b.Bytes()[:length]
}

// linux makes an image one for this kind of machine; serial tells it from others.
func linux(img v1.Image, serial int) (v1.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env = []string{fmt.Sprintf("SERIAL=%d", serial)}
	return mutate.ConfigFile(img, config)
}

func writeMany(file string, count int) error {
	base, err := image(1, 1<<10)
	if err != nil {
		return err
	}
	images := map[name.Tag]v1.Image{}
	for i := range count {
		tag, err := name.NewTag(fmt.Sprintf("localhost/many%d:latest", i))
		if err != nil {
			return err
		}
		if images[tag], err = linux(base, i); err != nil {
			return err
		}
	}
	return tarball.MultiWriteToFile(file, images)
}
