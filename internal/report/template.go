package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/pod-engine/pod/internal/hint"
)

// templateName is what text/template calls the format in its errors; formatError takes it out again.
const templateName = "format"

// compiled is one --format template, ready to be executed.
type compiled struct {
	source string
	tmpl   *template.Template
	// whole: the template ranges over all items itself ({{range .}}), so it is given the list and not one item.
	whole bool
}

// compile parses format. In the text between actions the two characters \t and \n stand for tab and newline, as in podman
// and docker. In a table of podman's style, spaces there separate columns too; and in every table the value of each
// action is escaped.
func compile(format string, table bool, s Style) (*compiled, error) {
	body := format
	if table {
		body = strings.TrimSpace(strings.TrimPrefix(format, "table "))
	}
	t, err := template.New(templateName).Funcs(functions()).Parse(body)
	if err != nil {
		return nil, formatError(format, err, nil)
	}
	pairs := []string{`\t`, "\t", `\n`, "\n"}
	if table && s == Podman {
		pairs = append(pairs, " ", "\t")
	}
	r := rewriter{text: strings.NewReplacer(pairs...), escape: table}
	for _, defined := range t.Templates() {
		r.list(defined.Root)
	}
	return &compiled{source: format, tmpl: t, whole: rangesOverDot(t.Root)}, nil
}

// execute appends the template's output for v and ends the line; in podman's style only where the template itself did not.
func (c *compiled) execute(b *bytes.Buffer, v any, s Style, fields []field) error {
	start := b.Len()
	if err := c.tmpl.Execute(b, v); err != nil {
		return formatError(c.source, err, fields)
	}
	if c.whole {
		return nil
	}
	if s == Docker || !bytes.HasSuffix(b.Bytes()[start:], []byte("\n")) || b.Len() == start {
		b.WriteByte('\n')
	}
	return nil
}

func (l List[T]) writeTemplate(w io.Writer, items []T, o Options) error {
	table := strings.HasPrefix(o.Format, "table ")
	c, err := compile(o.Format, table, o.Style)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fields := fieldsOf[T]()
	if table {
		// The heading is executed even when it is not shown: it finds an unknown field when there are no rows.
		if err := c.heading(&b, fields, l.Headers, o); err != nil {
			return err
		}
		if o.NoHeading {
			b.Reset()
		}
	}
	if c.whole {
		err = c.execute(&b, items, o.Style, fields)
	}
	for i := 0; i < len(items) && !c.whole && err == nil; i++ {
		err = c.execute(&b, items[i], o.Style, fields)
	}
	if err != nil {
		return err
	}
	return flush(w, b.Bytes(), table, o.Style)
}

func flush(w io.Writer, text []byte, table bool, s Style) error {
	if !table {
		_, err := w.Write(text)
		return err
	}
	t := newTable(w, s)
	if _, err := t.Write(text); err != nil {
		return err
	}
	return t.Flush()
}

// rangesOverDot reports whether a {{range .}} stands at the top of the template.
func rangesOverDot(root *parse.ListNode) bool {
	for _, n := range root.Nodes {
		if r, ok := n.(*parse.RangeNode); ok && r.Pipe.String() == "." {
			return true
		}
	}
	return false
}

// formatError makes one sentence of an error of text/template: which format, where in it, why.
func formatError(format string, err error, fields []field) error {
	text := err.Error()
	text = strings.TrimPrefix(text, "template: "+templateName+":")
	if _, after, ok := strings.Cut(text, `executing "`+templateName+`" at `); ok {
		text = after
	} else if _, after, ok := strings.Cut(text, ": "); ok { // the line number
		text = after
	}
	unknown := strings.Contains(text, "can't evaluate field") || strings.Contains(text, "map has no entry")
	text, _, _ = strings.Cut(text, " in type ")
	err = fmt.Errorf("use the format %q: %w", format, errors.New(text))
	if unknown && len(fields) > 0 {
		var names strings.Builder
		for _, f := range fields {
			names.WriteString(" ." + f.name)
		}
		return hint.Wrap(err, "the fields are"+names.String())
	}
	return err
}
