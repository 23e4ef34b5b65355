package build

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const planPath = "github.com/pod-engine/pod/pkg/build/plan"

// partly imports the package plan, and nothing else: the rest of this package is checked as far as it can be without.
type partly struct{ plan *types.Package }

func (p *partly) Import(path string) (*types.Package, error) {
	if path != planPath || p.plan == nil {
		return nil, errors.New("not looked at")
	}
	return p.plan, nil
}

func parsePackage(t *testing.T, files *token.FileSet, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources in %q: %v", dir, err)
	}
	var out []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}

// TestEveryFieldOfAPlanHasAReader fails when the frontend says something that no step of a build looks at: a flag of an instruction would be
// accepted and ignored.
func TestEveryFieldOfAPlanHasAReader(t *testing.T) {
	files := token.NewFileSet()
	lenient := types.Config{Importer: &partly{}, Error: func(error) {}}
	plan, _ := lenient.Check(planPath, files, parsePackage(t, files, "plan"), nil)
	fields := map[types.Object]string{}
	for _, name := range plan.Scope().Names() {
		object, isType := plan.Scope().Lookup(name).(*types.TypeName)
		if !isType || !slices.Contains([]string{"Plan", "Stage", "Source", "Step", "Run", "Mount", "Device", "File", "Copy", "Mkdir"}, name) {
			continue
		}
		if s, ok := object.Type().Underlying().(*types.Struct); ok {
			for i := range s.NumFields() {
				fields[s.Field(i)] = name + "." + s.Field(i).Name()
			}
		}
	}
	if len(fields) < 50 {
		t.Fatalf("%d fields are found; there are more", len(fields))
	}
	lenient.Importer = &partly{plan}
	used := types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	source := parsePackage(t, files, ".")
	_, _ = lenient.Check("build", files, source, &used)
	for _, file := range source {
		written := map[ast.Expr]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if assign, ok := n.(*ast.AssignStmt); ok {
				for _, left := range assign.Lhs {
					written[left] = true
				}
			}
			if s, ok := n.(*ast.SelectorExpr); ok && !written[s] && used.Selections[s] != nil {
				delete(fields, used.Selections[s].Obj())
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Values(fields)) {
		t.Errorf("nobody reads plan.%s", name)
	}
}
