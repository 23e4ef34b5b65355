package build

import (
	"fmt"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// stepTitle names a step to a person: "[build 2/5] RUN make".
func stepTitle(stage plan.Stage, number int) string {
	total, at := 0, 0
	for i, s := range stage.Steps {
		if s.Layered() {
			total++
			if i <= number {
				at++
			}
		}
	}
	text := firstLine(stage.Steps[number].Text)
	if stage.Steps[number].OnBuild {
		text = "ONBUILD " + text
	}
	return fmt.Sprintf("[%s %d/%d] %s", stageName(stage), at, total, text)
}

// stageName names a stage to a person.
func stageName(stage plan.Stage) string {
	if stage.Name == "" {
		return fmt.Sprintf("stage-%d", stage.Index)
	}
	return stage.Name
}
