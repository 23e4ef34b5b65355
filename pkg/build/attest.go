package build

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/provenance"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/attestation"
)

// Attest is what a build states of what it makes. The zero value is nothing.
type Attest struct {
	Provenance *provenance.Options // nil: nothing of how it was made
	SBOM       *SBOM               // nil: nothing of what it is made of
	Form       attestation.Form
	// Records has Result say how the images were made, whether or not that is stated.
	Records bool
	// VCS is what git says of the context; see VersionControl.
	VCS map[string]string
}

// Any says that something is stated.
func (a Attest) Any() bool { return a.Provenance != nil || a.SBOM != nil }

// claim is a statement before it is known what it is about.
type claim struct {
	kind   string // predicate type
	body   json.RawMessage
	file   string // its name in outputs that are files
	inline bool   // it is no file there
}

// claims makes what is stated of a solved build.
func (o *oneBuild) claims(ctx context.Context, started time.Time, invocation string) error {
	job := o.solve.job
	if job.Attest.SBOM != nil {
		documents, err := o.solve.boms(ctx, *job.Attest.SBOM)
		if err != nil {
			return err
		}
		o.claimed = append(o.claimed, documents...)
	}
	if job.Attest.Provenance == nil && !job.Attest.Records {
		return nil
	}
	o.record = o.solve.provenance()
	o.record.Started, o.record.Finished, o.record.Invocation, o.record.Builder = started, time.Now(), invocation, o.solve.Version
	if job.Attest.Provenance == nil {
		return nil
	}
	opts := *job.Attest.Provenance
	p, err := o.record.Predicate(opts)
	if err != nil {
		return fmt.Errorf("--provenance: %w", err)
	}
	body, err := json.Marshal(p.Body)
	if err != nil {
		return err
	}
	o.claimed = append(o.claimed, claim{kind: p.Type, body: body, file: opts.Filename, inline: opts.InlineOnly})
	return failpoint.Hit("build.attested")
}

// statementFiles are the statements about the files of the tree.
func (o *oneBuild) statementFiles(ctx context.Context, tree *files.Tree) ([]files.Beside, error) {
	var out []files.Beside
	var subjects []attestation.Subject
	for _, c := range o.claimed {
		if c.inline {
			continue
		}
		if subjects == nil {
			var err error
			if subjects, err = subjectsOf(ctx, tree); err != nil {
				return nil, err
			}
		}
		text, err := json.MarshalIndent(attestation.NewStatement(c.kind, c.body, subjects), "", "  ")
		if err != nil {
			return nil, err
		}
		out = append(out, files.Beside{Name: c.file, Text: append(text, '\n'), Time: o.solve.now()})
	}
	return out, nil
}

// subjectsOf are the regular files of a tree.
func subjectsOf(ctx context.Context, t *files.Tree) ([]attestation.Subject, error) {
	l, err := t.List(ctx, "", nil)
	if err != nil {
		return nil, fmt.Errorf("look at the files that are stated something of: %w", err)
	}
	defer l.Close()
	subjects := []attestation.Subject{}
	for name, sum := range l.Files() {
		subjects = append(subjects, attestation.Subject{Name: name, Digest: map[string]string{"sha256": fmt.Sprintf("%x", sum)}})
	}
	return subjects, nil
}

// attach gives what is stated of an image as it is in the store.
func (o *oneBuild) attach(img *image.Image) ([]image.Attached, error) {
	if len(o.claimed) == 0 {
		return nil, nil
	}
	target, err := o.solve.Images.EntryOf(img)
	if err != nil {
		return nil, err
	}
	job := o.solve.job
	names := job.Names
	if len(names) == 0 && job.List != "" {
		names = []string{job.List}
	}
	var subjects []attestation.Subject
	for _, name := range names {
		subjects = append(subjects, attestation.NewSubject(provenance.ImageURL(name, o.platform), target.Digest))
	}
	if len(subjects) == 0 {
		subjects = append(subjects, attestation.NewSubject("_", target.Digest)) // BuildKit's word for no name
	}
	var statements []attestation.Statement
	for _, c := range o.claimed {
		statements = append(statements, attestation.NewStatement(c.kind, c.body, subjects))
	}
	a, err := attestation.New(target, statements, job.Attest.Form)
	return []image.Attached{a}, err
}
