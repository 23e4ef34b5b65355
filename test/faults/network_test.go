package faults

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// neighbour is the container beside the victim, in the same network and with a published port: whatever dies, it is served on.
const neighbour = "neighbour"

// networks is a bench with a network, "web", and the neighbour in it.
type networks struct {
	*bench
	address string // the neighbour's
	port    string // where its server is published on the machine
}

func newNetworks(t *testing.T) *networks {
	t.Helper()
	if m := podtest.Examine(); m.Why("tun") != "" {
		t.Skipf("needs tun: %s", m.Why("tun"))
	}
	n := &networks{bench: newBench(t)}
	n.must(nil, "network", "create", "web")
	n.must(nil, "run", "-d", "--name", neighbour, "--network", "web", "-p", "127.0.0.1::80", podtest.BoxImage,
		"sh", "-c", "echo here >index.html; exec httpd -f -p 80")
	n.address, n.port = n.ask(t, "inspect", "--format", "{{.NetworkSettings.Networks.web.IPAddress}}", neighbour), n.ask(t, "port", neighbour, "80")
	t.Cleanup(func() { n.must(nil, "rm", "--all", "--force", "--time", "0"); n.must(nil, "network", "rm", "web") })
	return n
}

func (b *bench) ask(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := b.world.Run(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// killNetworkHelper ends the network helper, so that the next command starts one, with its own environment.
func (b *bench) killNetworkHelper() error {
	pattern := "^pod-network." + b.world.RunDir() + "/"
	exec.Command("pkill", "-KILL", "-f", pattern).Run() // one that has ended by itself is as good
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return podtest.Poll(ctx, func() (bool, error) {
		_, err := b.world.Snapshot() // reaps
		// Its lock is the last of it.
		free := `for lock in "$0"/[0-9]*/lock; do [ ! -e "$lock" ] || flock -n "$lock" true || exit 1; done`
		return exec.Command("sh", "-c", free, filepath.Join(b.world.RunDir(), "pod", "network")).Run() == nil, err
	})
}

// helperVerbs are what the network helper is asked for.
func helperVerbs() []verb {
	run := []string{"run", "-d", "--name", victim, "--network", "web", "-p", "127.0.0.1::80", podtest.BoxImage, "sleep", "1000"}
	bridge := []string{"run", "-d", "--cap-add", "NET_RAW", "--name", victim, "--network", "bridge", podtest.BoxImage, "sleep", "1000"}
	both := []string{"run", "-d", "--cap-add", "NET_RAW", "--name", victim, "--network", "bridge", "--network", "web", podtest.BoxImage, "sleep", "1000"}
	return []verb{
		{"mend", nil, []string{"ps"}, nil}, // what the others begin with
		{"run", nil, run, nil},
		{"connect", [][]string{bridge}, []string{"network", "connect", "web", victim}, nil},
		{"disconnect", [][]string{both}, []string{"network", "disconnect", "web", victim}, nil},
		{"rm", [][]string{run}, []string{"rm", "-f", "-t", "0", victim}, nil},
	}
}

// helperSteps are the failpoints that a verb passes in the helper, without those in known.
func (n *networks) helperSteps(t *testing.T, v verb, known []string) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	if err := n.prepare(v, nil); err != nil {
		t.Fatal(err)
	}
	if err := n.killNetworkHelper(); err != nil {
		t.Fatal(err)
	}
	n.must([]string{"POD_FAILPOINT_TRACE=" + trace}, v.args...)
	passed := traced(trace)
	n.must(nil, "rm", "-f", "-t", "0", victim)
	var steps []string
	for _, name := range passed {
		if strings.HasPrefix(name, "helper.") && !slices.Contains(known, name) && !slices.Contains(steps, name) {
			steps = append(steps, name)
		}
	}
	if len(steps) == 0 {
		t.Fatalf("%s passes no failpoint in the network helper", v.name)
	}
	return steps
}

func TestNetworkHelperSurvivesItsDeathAtEveryStep(t *testing.T) {
	n := newNetworks(t)
	var known []string
	var table results
	for _, v := range helperVerbs() {
		steps := n.helperSteps(t, v, known)
		if v.name == "mend" {
			known = steps
		}
		for _, step := range steps {
			t.Run(v.name+"/"+step, func(t *testing.T) {
				err := n.helperDies(v, step)
				table.add(v.name, step, "network helper", err)
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Logf("steps at which the network helper was killed:\n%s", &table)
}

// The first start of all makes what later ones find.
func TestNetworkHelperSurvivesItsDeathAtItsFirstStart(t *testing.T) {
	for _, step := range []string{"helper.namespace", "helper.swept", "helper.uplink", "helper.restored"} {
		t.Run(step, func(t *testing.T) {
			b := newBench(t)
			run := []string{"run", "-d", "--cap-add", "NET_RAW", "--name", victim, "-p", "127.0.0.1::80", podtest.BoxImage, "sleep", "1000"}
			b.command([]string{"POD_FAILPOINT=" + step + "=kill", "POD_FAILPOINT_PATIENCE=5s"}, run...)
			b.must(nil, "rm", "-f", "-t", "0", victim)
			b.must(nil, run...)
			b.must(nil, "exec", victim, "ping", "-c", "1", "-W", "2", "10.88.0.1")
			b.gone(t)
		})
	}
}

// helperDies runs a verb whose helper dies at a step, as often as the verb starts one.
func (n *networks) helperDies(v verb, step string) error {
	if err := n.prepare(v, nil); err != nil {
		return fmt.Errorf("preparation: %w", err)
	}
	if err := n.killNetworkHelper(); err != nil {
		return err
	}
	// How the verb ends is not judged, only that it does. One that is none of the network's business may not have waited.
	n.command([]string{"POD_FAILPOINT=" + step + "=kill", "POD_FAILPOINT_PATIENCE=5s"}, v.args...)
	next := [][]string{{"ps"}, {"rm", "-f", "-t", "0", victim}, {"ps"}}
	if len(v.prepare) > 0 && v.name != "rm" { // the victim keeps the network that it is not about
		next = slices.Insert(next, 1, []string{"exec", victim, "ping", "-c", "1", "-W", "2", "10.88.0.1"})
	}
	for _, args := range next {
		if err := n.command(nil, args...); err != nil {
			return err
		}
	}
	return n.served()
}

// served: the neighbour has its address, its port and its name, and nothing is left of anybody else.
func (n *networks) served() error {
	ctx, cancel := context.WithTimeout(context.Background(), podtest.SweepTimeout)
	defer cancel()
	var problem error
	err := podtest.Poll(ctx, func() (bool, error) {
		problem = n.published()
		if problem == nil {
			problem = n.onlyNeighbour()
		}
		return problem == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, problem)
	}
	script := fmt.Sprintf("nslookup %s | grep -q %s && wget -q -O - http://%s/ && ! nslookup %s >/dev/null 2>&1", neighbour, n.address, neighbour, victim)
	return n.command(nil, "run", "--rm", "--network", "web", podtest.BoxImage, "sh", "-c", script)
}

// published asks the neighbour's server by its port on the machine.
func (n *networks) published() error {
	c, err := net.DialTimeout("tcp", n.port, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	if text, err := io.ReadAll(c); err != nil || !strings.Contains(string(text), "here") {
		return fmt.Errorf("the published port answers %q: %w", text, err)
	}
	return nil
}

// onlyNeighbour looks at everything that the helper keeps for containers: records, leases, interfaces, rules.
func (n *networks) onlyNeighbour() error {
	dir := filepath.Join(n.world.RunDir(), "pod", "network")
	for what, want := range map[string]int{"*/attached/*": 1, "leases/*/*": 1} {
		if found, _ := filepath.Glob(filepath.Join(dir, what)); len(found) != want {
			return fmt.Errorf("%d files %s: %q", len(found), what, found)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "leases", "web", n.address)); err != nil {
		return err
	}
	for _, list := range [][]string{{"ip", "-o", "link"}, {"nft", "list", "ruleset"}} {
		out, err := n.inside(list...)
		if err != nil {
			return err
		}
		peers := map[string]bool{}
		for _, peer := range regexp.MustCompile(`pve[0-9a-f]{12}`).FindAllString(out, -1) {
			peers[peer] = true
		}
		if len(peers) != 1 {
			return fmt.Errorf("%s has the interfaces %q", list[0], slices.Sorted(maps.Keys(peers)))
		}
	}
	return nil
}

// inside runs a program in the namespace of the networks.
func (b *bench) inside(argv ...string) (string, error) {
	holder, err := podtest.FirstNumber(filepath.Join(b.world.RunDir(), "pod", "holder"))
	if err != nil {
		return "", err
	}
	places, err := filepath.Glob(filepath.Join(b.world.RunDir(), "pod", "network", "[0-9]*", "netns"))
	if err != nil || len(places) != 1 {
		return "", fmt.Errorf("the namespace of the networks: %q, %w", places, err)
	}
	enter := []string{"-t", fmt.Sprint(holder), "-U", "-m", "--preserve-credentials", "nsenter", "--net=" + places[0]}
	out, err := exec.Command("nsenter", append(enter, argv...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", argv[0], err, out)
	}
	return string(out), nil
}

// A container that dies with its monitor is cleaned up by no command. Its forwarder goes with its namespace all the same: whoever comes to
// have the port next is reached, and not what was left of the container.
func TestPublishedPortGoesWithItsContainer(t *testing.T) {
	b := newBench(t)
	b.must(nil, "run", "-d", "--name", victim, "-p", "127.0.0.1::80", "--ip", "10.88.7.7", podtest.BoxImage, "sleep", "1000")
	port := b.ask(t, "port", victim, "80")
	if err := b.killAll(); err != nil {
		t.Fatal(err)
	}
	b.await(t, func() bool {
		_, err := b.world.Snapshot() // reaps
		l, listen := net.Listen("tcp", port)
		if listen == nil {
			l.Close()
		}
		return err == nil && listen == nil
	})
	// The address is free as well, without anybody having said so.
	b.must(nil, "run", "--rm", "--ip", "10.88.7.7", podtest.BoxImage, "true")
	b.gone(t)
}

// A lease says of which boot it is: after the next it is nobody's, whether or not the directory was emptied.
func TestLeaseOfAnotherBootIsFree(t *testing.T) {
	b := newBench(t)
	id := b.running(t, "--ip", "10.88.7.7")
	dir := filepath.Join(b.world.RunDir(), "pod", "network")
	lease := filepath.Join(dir, "leases", "bridge", "10.88.7.7")
	records, err := filepath.Glob(filepath.Join(dir, "*", "attached", id))
	if err != nil || len(records) != 1 {
		t.Fatalf("records %q, %v", records, err)
	}
	record, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	b.must(nil, "rm", "-f", "-t", "0", victim)
	if err := b.killNetworkHelper(); err != nil {
		t.Fatal(err)
	}
	other := "00000000-0000-4000-8000-000000000000"
	for path, text := range map[string]string{
		lease: id + " " + other + "\n", records[0]: strings.ReplaceAll(string(record), strings.TrimSpace(string(boot)), other),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.running(t, "--ip", "10.88.7.7")
	if _, err := os.Stat(records[0]); err == nil {
		t.Error("the record of the other boot is still there")
	}
	b.gone(t)
}

// The nameservers of a namespace that is gone answer nobody: whoever starts next has new ones, in the namespace that there is.
func TestNameserversAfterTheirNamespaceWent(t *testing.T) {
	for _, what := range []string{"helper", "holder"} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.must(nil, "network", "create", "web")
			b.running(t, "--network", "web")
			if _, err := b.inside("true"); err != nil {
				t.Fatal(err)
			}
			if what == "helper" {
				b.unmountNetworks(t)
			} else if err := b.killHolder(); err != nil {
				t.Fatal(err)
			}
			if err := b.killNetworkHelper(); err != nil {
				t.Fatal(err)
			}
			b.must(nil, "run", "-d", "--name", "server", "--network", "web", podtest.BoxImage, "sleep", "1000")
			b.must(nil, "run", "--rm", "--network", "web", podtest.BoxImage, "nslookup", "server")
			b.must(nil, "rm", "-f", "-t", "0", "server", victim)
			b.must(nil, "network", "rm", "web")
			b.gone(t)
		})
	}
}

// unmountNetworks takes the namespace of the networks away, as somebody might who tidies up.
func (b *bench) unmountNetworks(t *testing.T) {
	t.Helper()
	holder := firstNumber(t, filepath.Join(b.world.RunDir(), "pod", "holder"))
	places, err := filepath.Glob(filepath.Join(b.world.RunDir(), "pod", "network", "[0-9]*", "netns"))
	if err != nil || len(places) != 1 {
		t.Fatalf("the namespace of the networks: %q, %v", places, err)
	}
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(holder), "-U", "-m", "--preserve-credentials", "umount", "-l", places[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// The kernel has room for 1023 interfaces on a bridge: the next container is refused with the reason, nothing of it is left, and one that
// leaves makes room.
func TestBridgeThatIsFull(t *testing.T) {
	b := newBench(t)
	b.must(nil, "network", "create", "web")
	b.running(t, "--network", "web")
	var batch strings.Builder
	for i := range 1022 {
		fmt.Fprintf(&batch, "link add full%d type ifb\nlink set full%d master pod1\n", i, i)
	}
	file := filepath.Join(b.world.TempDir(), "batch")
	if err := os.WriteFile(file, []byte(batch.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.inside("ip", "-batch", file); err != nil {
		t.Skipf("interfaces to fill a bridge with: %v", err)
	}
	b.wantError(t, "as many containers as the kernel allows (1023)", "run", "-d", "--name", "over", "--network", "web", podtest.BoxImage, "sleep", "1000")
	b.must(nil, "rm", "-f", "-t", "0", victim, "over")
	b.must(nil, "run", "--rm", "--network", "web", podtest.BoxImage, "true")
	b.must(nil, "network", "rm", "web")
	if err := b.killNetworkHelper(); err != nil {
		t.Fatal(err)
	}
	b.unmountNetworks(t) // with what filled it
	os.Remove(file)
	b.gone(t)
}
