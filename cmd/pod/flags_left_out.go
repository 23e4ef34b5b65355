package main

import (
	_ "embed"
	"slices"
	"strings"
)

// flagsLeftOut has the flags of podman and docker that there are not, with the reasons; its first line says in which form.
//
//go:embed testdata/flags-left-out.txt
var flagsLeftOut string

// flagLeftOut says why the command at path, such as "image build", lacks a flag; empty: nobody has it.
func flagLeftOut(path, flag string) string {
	_, short, _ := strings.Cut(path, " ") // what is below a noun is described as the verb
	if rest, ok := strings.CutPrefix(path, "buildx "); ok {
		path = "builder " + rest
	}
	for line := range strings.Lines(flagsLeftOut) {
		key, reason, ok := strings.Cut(strings.TrimSpace(line), ": ")
		verbs, flags, _ := strings.Cut(key, " --")
		if !ok || strings.HasPrefix(line, "#") || !slices.Contains(strings.Split(flags, " --"), flag) {
			continue
		}
		if known := strings.Split(verbs, ", "); slices.Contains(known, path) || short != "" && slices.Contains(known, short) {
			return reason
		}
	}
	return ""
}
