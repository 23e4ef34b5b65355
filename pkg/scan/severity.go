package scan

import (
	"fmt"
	"strings"
)

// Severity orders findings and vulnerabilities. Its text form is trivy's.
type Severity int

const (
	None Severity = iota // of nothing
	Unknown
	Negligible
	Low
	Medium
	High
	Critical
)

func severityNames() []string {
	return []string{"NONE", "UNKNOWN", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
}

func (s Severity) String() string {
	if s < None || s > Critical {
		return "UNKNOWN"
	}
	return severityNames()[s]
}

// MarshalText makes JSON and templates show the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the reverse; a word that is not known is Unknown.
func (s *Severity) UnmarshalText(text []byte) error {
	*s = Rated(string(text))
	return nil
}

// Rated reads the words that scanners use, in any case; a word that is not known is Unknown.
func Rated(word string) Severity {
	for i, name := range severityNames() {
		if strings.EqualFold(word, name) {
			return Severity(i)
		}
	}
	return Unknown
}

// ParseSeverity reads a word a person wrote.
func ParseSeverity(word string) (Severity, error) {
	if s := Rated(word); s > None && (s != Unknown || strings.EqualFold(word, "unknown")) {
		return s, nil
	}
	return None, fmt.Errorf("severity %q: it is unknown, negligible, low, medium, high or critical", word)
}

// Severities is a set to choose by; nil is all.
type Severities []Severity

// ParseSeverities reads a list as trivy takes it, "high,critical". A word with a plus sign stands for everything from it up.
func ParseSeverities(list string) (Severities, error) {
	var set Severities
	for word := range strings.SplitSeq(list, ",") {
		word, up := strings.CutSuffix(strings.TrimSpace(word), "+")
		s, err := ParseSeverity(word)
		if err != nil {
			return nil, err
		}
		for set = append(set, s); up && s < Critical; {
			s++
			set = append(set, s)
		}
	}
	return set, nil
}

// Has reports whether s is chosen.
func (set Severities) Has(s Severity) bool {
	for _, one := range set {
		if one == s {
			return true
		}
	}
	return set == nil
}
