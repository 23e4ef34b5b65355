package oci

import (
	"encoding/json"
	"testing"
)

// BenchmarkSpec is what rendering adds to every start, the writing of JSON included.
func BenchmarkSpec(b *testing.B) {
	cfg, host := testConfig(), testHost()
	for b.Loop() {
		s, err := Spec(cfg, host)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(s); err != nil {
			b.Fatal(err)
		}
	}
}
