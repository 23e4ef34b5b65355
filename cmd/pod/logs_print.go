package main

import (
	"bufio"
	"errors"
	"io"
	"time"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/engine/log"
)

// logTimeLayout has all nine decimals, so that columns stay aligned; podman and docker print the same.
const logTimeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// logPrinter writes records to the streams they came from. The text of one container is written byte by byte as it
// was. With several containers each line has a prefix, and a line that is not finished when another container's text
// comes is broken there.
type logPrinter struct {
	prefixes   []string // of each container; empty with one
	colours    []string // that switch each container's colour on; nil: none
	timestamps bool
	utc        bool
	out, err   logStream
}

// logStream is one of our own streams.
type logStream struct {
	*bufio.Writer
	open int // the container whose line is not finished, or noContainer
}

const noContainer = -1

func newLogPrinter(a *app, opts logsOptions, containers []engine.Container) *logPrinter {
	p := &logPrinter{
		prefixes:   make([]string, len(containers)),
		timestamps: opts.timestamp,
		utc:        a.asDocker(),
		out:        logStream{bufio.NewWriterSize(a.Out, 32<<10), noContainer},
		err:        logStream{bufio.NewWriterSize(a.Err, 32<<10), noContainer},
	}
	for i, c := range containers {
		if len(containers) > 1 {
			p.prefixes[i] = c.Config.ID[:min(12, len(c.Config.ID))] + " "
			if opts.names {
				p.prefixes[i] = c.Config.Name + " "
			}
		}
		if opts.colour {
			// White, red, green, yellow, blue, magenta, cyan.
			p.colours = append(p.colours, "\x1b["+[...]string{"37", "31", "32", "33", "34", "35", "36"}[i%7]+"m")
		}
	}
	return p
}

// print writes a record of a container. Buffered text of the other stream goes first, so that both stay in order on a
// terminal.
func (p *logPrinter) print(source int, r log.Record) error {
	w, other := &p.out, &p.err
	if r.Stream == log.Stderr {
		w, other = other, w
	}
	if err := other.Flush(); err != nil {
		return err
	}
	if w.open != noContainer && w.open != source {
		w.WriteByte('\n')
		w.open = noContainer
	}
	if p.colours != nil {
		w.WriteString(p.colours[source])
	}
	if w.open == noContainer {
		p.prefix(w, source, r.Time)
	}
	_, err := w.Write(r.Text)
	if p.colours != nil {
		_, err = io.WriteString(w, "\x1b[0m")
	}
	w.open = source
	if !r.Partial {
		err = w.WriteByte('\n') // bufio gives the first error again
		w.open = noContainer
	}
	return err
}

func (p *logPrinter) prefix(w *logStream, source int, at time.Time) {
	w.WriteString(p.prefixes[source])
	if p.timestamps {
		if p.utc {
			at = at.UTC()
		}
		w.WriteString(at.Format(logTimeLayout))
		w.WriteByte(' ')
	}
}

// flush shows what is buffered; an error is kept for the next print, and for end.
func (p *logPrinter) flush() {
	p.out.Flush()
	p.err.Flush()
}

func (p *logPrinter) end() error {
	return errors.Join(p.out.Flush(), p.err.Flush())
}
