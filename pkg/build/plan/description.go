package plan

// What a Description has.
const (
	DescribeTargets = "targets" // the targets alone, as they are written
	DescribeOutline = "outline" // what the target can be given
)

// Description is what can be asked of a Dockerfile: its targets, and what the one that is asked for can be given.
type Description struct {
	Target  string      `json:"target,omitempty"`
	Text    string      `json:"text,omitempty"` // from the comment above its FROM
	Targets []Target    `json:"targets,omitempty"`
	Args    []Parameter `json:"args,omitempty"`
	Secrets []Parameter `json:"secrets,omitempty"`
	SSH     []Parameter `json:"ssh,omitempty"`
	Caches  []Parameter `json:"caches,omitempty"`
}

// Target is a stage that can be built.
type Target struct {
	Name     string `json:"name,omitempty"`
	Text     string `json:"text,omitempty"`
	Base     string `json:"base,omitempty"`
	Platform string `json:"platform,omitempty"`
	Line     int    `json:"line"`
	Default  bool   `json:"default,omitempty"`
}

// Parameter is something that a target can be given.
type Parameter struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"`
	Text     string `json:"text,omitempty"` // from the comment above it
	Required bool   `json:"required,omitempty"`
	Line     int    `json:"line"`
}
