package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

// RawJSON is a display for programs: a JSON object a line, as docker buildx build --progress rawjson prints BuildKit's SolveStatus.
type RawJSON struct {
	mu   sync.Mutex
	to   *json.Encoder
	next int
}

// NewRawJSON gives a display that writes to out.
func NewRawJSON(out io.Writer) *RawJSON { return &RawJSON{to: json.NewEncoder(out)} }

// rawStatus is SolveStatus (moby/buildkit, client/graph.go), as far as a build has it.
type rawStatus struct {
	Vertexes []rawStep `json:"vertexes,omitempty"`
	Logs     []rawLog  `json:"logs,omitempty"`
}

type rawStep struct {
	Digest    digest.Digest `json:"digest"`
	Name      string        `json:"name"`
	Started   *time.Time    `json:"started,omitempty"`
	Completed *time.Time    `json:"completed,omitempty"`
	Cached    bool          `json:"cached,omitempty"`
	Error     string        `json:"error,omitempty"`
}

type rawLog struct {
	Vertex    digest.Digest `json:"vertex"`
	Stream    int           `json:"stream"`
	Data      []byte        `json:"data"`
	Timestamp time.Time     `json:"timestamp"`
}

// Vertex is of Display.
func (r *RawJSON) Vertex(title string) Vertex {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	now := time.Now()
	v := &rawVertex{to: r, step: rawStep{Digest: digest.FromString(fmt.Sprint(r.next, title)), Name: title, Started: &now}}
	r.to.Encode(rawStatus{Vertexes: []rawStep{v.step}})
	return v
}

type rawVertex struct {
	to   *RawJSON
	step rawStep
}

func (v *rawVertex) Start() {}

func (v *rawVertex) Write(b []byte) (int, error) {
	v.to.mu.Lock()
	defer v.to.mu.Unlock()
	return len(b), v.to.to.Encode(rawStatus{Logs: []rawLog{{Vertex: v.step.Digest, Stream: 1, Data: b, Timestamp: time.Now()}}})
}

func (v *rawVertex) End(cached bool, err error) {
	v.to.mu.Lock()
	defer v.to.mu.Unlock()
	now := time.Now()
	v.step.Completed, v.step.Cached = &now, cached
	if err != nil {
		v.step.Error = err.Error()
	}
	v.to.to.Encode(rawStatus{Vertexes: []rawStep{v.step}})
}
