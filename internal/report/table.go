package report

import (
	"bufio"
	"io"
	"strings"
	"text/tabwriter"
)

// newTable gives the aligner of a style: podman's columns are at least 12 wide with two spaces between, docker's 10 and
// three.
func newTable(w io.Writer, s Style) *tabwriter.Writer {
	if s == Docker {
		return tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	}
	return tabwriter.NewWriter(w, 12, 2, 2, ' ', 0)
}

func (l List[T]) writeTable(w io.Writer, items []T, o Options) error {
	rows := make([][]string, 0, len(items)+1)
	if !o.NoHeading {
		heading := make([]string, len(l.Columns))
		for i, c := range l.Columns {
			heading[i] = c.Header
		}
		rows = append(rows, heading)
	}
	for _, item := range items {
		row := make([]string, len(l.Columns))
		for i, c := range l.Columns {
			row[i] = c.Cell(item)
		}
		rows = append(rows, row)
	}
	return Table(w, rows, o.Style)
}

// Table prints rows of cells with aligned columns. Every cell is escaped.
func Table(w io.Writer, rows [][]string, s Style) error {
	out := bufio.NewWriter(w)
	t := newTable(out, s)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Escape(cell)
		}
		if _, err := io.WriteString(t, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return out.Flush()
}
