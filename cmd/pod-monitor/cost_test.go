package main_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
)

const maxPSS = 3 << 10 // kB per monitor: the budget

// Twenty containers run at once, one of them having written 64 MiB with a client attached, and each monitor stays small.
func TestMemoryOfTwentyMonitors(t *testing.T) {
	var boxes []*box
	var controls []*client.Control
	for i := range 20 {
		argv := []string{"sleep", "1000"}
		if i == 0 {
			argv = []string{"sh", "-c", "head -c 67108864 /dev/zero; echo ready; sleep 1000"}
		}
		b := newBox(t, "crun", argv...)
		b.launch.LogMaxSize = 1 << 20
		control := b.start(nil)
		b.expect(control, monitor.Running)
		control.Close()
		boxes, controls = append(boxes, b), append(controls, control)
	}
	eventually(t, "the flood is over", func() bool {
		data, _ := os.ReadFile(boxes[0].launch.LogPath)
		return strings.Contains(string(data), "ready")
	})
	sum, most := 0, 0
	for _, control := range controls {
		pss := pss(t, control.PID())
		sum, most = sum+pss, max(most, pss)
	}
	t.Logf("PSS: mean %d kB, most %d kB", sum/len(controls), most)
	if most > maxPSS {
		t.Errorf("a monitor has %d kB, the budget is %d", most, maxPSS)
	}
}

func pss(t *testing.T, pid int) int {
	t.Helper()
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kB, _ := strconv.Atoi(fields[1])
			return kB
		}
	}
	t.Fatal("smaps_rollup has no Pss")
	return 0
}

// BenchmarkCycle is a whole container life as the command sees it: start of the monitor to its end.
func BenchmarkCycle(b *testing.B) {
	x := newBox(b, "crun", "true")
	program(b)
	var running time.Duration
	for b.Loop() {
		begin := time.Now()
		control := x.start(nil)
		x.expect(control, monitor.Running)
		running += time.Since(begin)
		x.finish(control, 0)
	}
	b.ReportMetric(float64(running.Microseconds())/float64(b.N), "µs-to-running/op")
}
