package frontend

import (
	"slices"
	"strconv"
	"strings"
)

// Arguments that say what a bill of materials is made of beside the target (BuildKit, docs/attestations/sbom.md). They are no variables.
const (
	scanContext = "BUILDKIT_SBOM_SCAN_CONTEXT"
	scanStage   = "BUILDKIT_SBOM_SCAN_STAGE"
)

func isScanArg(name string) bool { return name == scanContext || name == scanStage }

// scan notes what the argument says of the stage: true, false, or the names of the stages for which it is true.
func (s *stage) scan(name, value string) {
	on, err := strconv.ParseBool(value)
	if err != nil {
		on = s.Name != "" && slices.Contains(strings.Split(value, ","), s.Name)
	}
	if name == scanContext {
		s.out.ScanContext = on
	} else {
		s.out.Scan = on
	}
}

// scanGlobally notes what the arguments before the first FROM say.
func (r *reader) scanGlobally(s *stage) {
	for _, name := range []string{scanContext, scanStage} {
		if value, ok := r.globals.Get(name); ok {
			s.scan(name, value)
		}
	}
}
