package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed Go file.
type source struct {
	path    string // relative to the top
	dir     string
	test    bool
	lines   int
	file    *ast.File
	fset    *token.FileSet
	imports map[string]string // name in the file -> path
}

func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// sources are all Go files below the top, with those of tests and of every build tag.
func sources(t *testing.T) []source {
	t.Helper()
	const top = "../.."
	var all []source
	err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != top || d.Name() == "bin" || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		s, err := parse(path)
		if err == nil {
			s.path, _ = filepath.Rel(top, path)
			s.dir = filepath.Dir(s.path)
			all = append(all, s)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(path string) (source, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, b, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	s := source{test: strings.HasSuffix(path, "_test.go"), lines: bytes.Count(b, []byte("\n")), file: file, fset: fset, imports: make(map[string]string)}
	for _, i := range file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		name := imported[strings.LastIndex(imported, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		s.imports[name] = imported
	}
	return s, nil
}

// uses calls f for every mention of a name of another package.
func (s source) uses(f func(at ast.Node, pkg, name string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				if path, ok := s.imports[id.Name]; ok {
					f(n, path, sel.Sel.Name)
				}
			}
		}
		return true
	})
}

// forbidden are names that must not be used.
var forbidden = []struct {
	pkg    string
	names  []string
	where  func(s source) bool
	reason string
}{
	{
		"os",
		[]string{"Exit"},
		func(s source) bool {
			main := s.file.Name.Name == "main" && filepath.Base(s.path) == "main.go"
			return !main && !s.test
		},
		"only main ends a program: everything else returns, so that deferred work is done and tests can call it",
	},
	{
		"os",
		[]string{"Root", "OpenRoot", "OpenInRoot"},
		// chown.go walks a directory of the host and follows no link at all: there the refusal is what is wanted.
		func(s source) bool { return !s.test && below(s.dir, "pkg") && s.path != "pkg/engine/chown.go" },
		"os.Root refuses absolute symbolic links, which images have (/var/run -> /run); use openat2 with RESOLVE_IN_ROOT",
	},
	{
		"go.podman.io/storage/pkg/archive",
		[]string{"Untar", "UntarPath", "UntarUncompressed", "UnpackLayer", "ApplyLayer", "ApplyUncompressedLayer", "TarUntar", "CopyWithTar", "CopyFileWithTar", "Unpack"},
		func(source) bool { return true },
		"it extracts where the archive says, through symbolic links out of the target (CVE-2025-11395); use the store or chrootarchive",
	},
	{
		"time",
		[]string{"Sleep"},
		func(s source) bool { return s.test || below(s.dir, "test") || s.dir == "internal/podtest" },
		"a test waits for a state with a deadline, not for a time",
	},
	{
		"log",
		[]string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf"},
		func(s source) bool { return !s.test },
		"errors are returned",
	},
}

func TestForbiddenNamesAreNotUsed(t *testing.T) {
	for _, s := range sources(t) {
		s.uses(func(at ast.Node, pkg, name string) {
			for _, rule := range forbidden {
				if pkg == rule.pkg && slices.Contains(rule.names, name) && rule.where(s) {
					t.Errorf("%s uses %s.%s: %s", s.at(at), pkg, name, rule.reason)
				}
			}
		})
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init runs in every command and cannot fail; do it where it is needed", s.at(f))
			}
		}
	}
}

func TestNoPatternIsCompiledAtStart(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			ast.Inspect(g, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "MustCompile" {
					t.Errorf("%s compiles a regular expression whenever any command starts", s.at(n))
				}
				return true
			})
		}
	}
}

func TestFilesStayReadable(t *testing.T) {
	const most = 500
	for _, s := range sources(t) {
		if s.lines > most {
			t.Errorf("%s has %d lines; more than %d usually means that a noun is missing", s.path, s.lines, most)
		}
	}
}

// TestPackageVariablesAreNotChanged: what changes belongs to somebody. A variable that nobody assigns (an error, embedded
// files, a table) is a constant for which the language has no word.
func TestPackageVariablesAreNotChanged(t *testing.T) {
	byDir := make(map[string][]source)
	for _, s := range sources(t) {
		if !s.test {
			byDir[s.dir] = append(byDir[s.dir], s)
		}
	}
	for _, files := range byDir {
		globals := make(map[string]bool)
		for _, s := range files {
			for _, name := range packageVariables(s.file) {
				globals[name] = true
			}
		}
		for _, s := range files {
			for _, d := range s.file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					for _, id := range assigned(f, globals) {
						t.Errorf("%s changes the package-level variable %s", s.at(id), id.Name)
					}
				}
			}
		}
	}
}

func packageVariables(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if id.Name != "_" {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names
}

// assigned are the places in f where one of globals, or a part of it, gets a new value. A name that f declares for itself
// anywhere is taken to be its own.
func assigned(f *ast.FuncDecl, globals map[string]bool) []*ast.Ident {
	own := declared(f)
	var found []*ast.Ident
	check := func(e ast.Expr) {
		if id := root(e); id != nil && globals[id.Name] && !own[id.Name] {
			found = append(found, id)
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if n.Tok != token.DEFINE {
					check(e)
				}
			}
		case *ast.IncDecStmt:
			check(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				check(n.X)
			}
		}
		return true
	})
	return found
}

func declared(f *ast.FuncDecl) map[string]bool {
	own := make(map[string]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				own[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				own[id.Name] = true
			}
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[id.Name] = true
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[id.Name] = true
				}
			}
		}
		return true
	})
	return own
}

// root is the variable that an expression is a part of, or nil.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func TestAssignedFindsEveryKindOfChange(t *testing.T) {
	const text = `package p
var a, b, c, d, e, f, g int
func x(g int) {
	a = 1
	b++
	c.field = 1
	d[1] = 2
	_ = &e
	f := 1
	f = 2
	g = 3
	_ = a
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	globals := make(map[string]bool)
	for _, name := range packageVariables(file) {
		globals[name] = true
	}
	var got []string
	for _, id := range assigned(file.Decls[1].(*ast.FuncDecl), globals) {
		got = append(got, id.Name)
	}
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
