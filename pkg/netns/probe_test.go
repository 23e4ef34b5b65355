package netns

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func eacces() error { return syscall.EACCES }

func TestReleaseDate(t *testing.T) {
	for program, want := range map[string]int{
		"":                                     0,
		"unknown version\x002023":              0,
		"x\x002024_03_20.71dd405\x00":          20240320,
		"pasta 0.0~git20240220.1e6f92b-1 (20)": 20240220,
		"2023_06_03.a 2024_11_27.b":            20241127,
		"git20":                                0,
		"20":                                   0,
		"20ab_cd_ef.":                          0,
	} {
		if got := releaseDate([]byte(program)); got != want {
			t.Errorf("date in %q: %d, want %d", program, got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	pasta := filepath.Join(dir, "pasta")
	if err := os.WriteFile(pasta, []byte("\x7fELF 2024_11_27.c0fbc7e"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := Probe(t.Context(), func(name string) (string, error) {
		if name == "pasta" {
			return pasta, nil
		}
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	})
	if err != nil || h.Pasta != pasta || h.PastaDate != 20241127 || h.Slirp4netns != "" {
		t.Errorf("found %+v, %v", h, err)
	}
	if h, err = Probe(t.Context(), func(string) (string, error) { return "", exec.ErrNotFound }); err != nil || h.Pasta != "" {
		t.Errorf("nothing installed: %+v, %v", h, err)
	}
}

func TestDefaultRoute(t *testing.T) {
	head := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	for table, want := range map[string]bool{
		"": false, head: false,
		head + "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n": true,
		head + "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n": false, // half of a VPN's 0.0.0.0/1
		head + "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n":    false, // unreachable
		head + "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n": false,
	} {
		if got := defaultRoute4(table); got != want {
			t.Errorf("%q: %v", table, got)
		}
	}
	zero := "00000000000000000000000000000000"
	for table, want := range map[string]bool{
		"": false,
		zero + " 00 " + zero + " 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0\n":      true,
		zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n":                          false,
		"fd000000000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00000001     eth0\n": false,
	} {
		if got := defaultRoute6(table); got != want {
			t.Errorf("%q: %v", table, got)
		}
	}
}

func TestIsHelper(t *testing.T) {
	for line, want := range map[string]bool{
		"/usr/bin/pasta\x00--netns\x00/run/c1/netns\x00":  true,
		"slirp4netns\x00-c\x00/run/c1/netns\x00eth0\x00":  true,
		"/usr/bin/pasta\x00--netns\x00/run/c1/netns2\x00": false,
		"cat\x00/run/c1/netns\x00":                        false,
		"":                                                false,
	} {
		if got := isHelper([]byte(line), "/run/c1/netns"); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
