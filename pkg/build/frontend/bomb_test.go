package frontend_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestBombs are files that are small and would be much to read. Each is refused, or read at no great cost.
func TestBombs(t *testing.T) {
	repeat := strings.Repeat
	// long is a line that the parser, which has a bound for each, reads in parts.
	long := func(line string) string {
		var b strings.Builder
		for len(line) > 60000 {
			b.WriteString(line[:60000] + "\\\n")
			line = line[60000:]
		}
		return b.String() + line + "\n"
	}
	doubling := func(form string) string {
		var b strings.Builder
		b.WriteString("FROM scratch\nENV v0=xxxxxxxx\n")
		for i := range 64 {
			fmt.Fprintf(&b, form, i+1, i)
		}
		return b.String()
	}
	var chain, circle strings.Builder
	chain.WriteString("FROM base AS s0\nENV a0=0\n")
	for i := range 2500 {
		fmt.Fprintf(&chain, "FROM s%d AS s%d\nENV a%d=%d\n", i, i+1, i+1, i)
	}
	for i := range 4000 {
		fmt.Fprintf(&circle, "FROM base AS s%d\nCOPY --from=s%d / /\n", i, (i+1)%4000)
	}
	for name, test := range map[string]struct {
		text    string
		refused string // part of the message; empty: it is read
	}{
		"variables that double":            {doubling("ENV v%[1]d=$v%[2]d$v%[2]d\n"), "more than"},
		"arguments that double":            {doubling("ARG v%[1]d=${v%[2]d}${v%[2]d}\n"), "more than"},
		"one instruction that doubles":     {"FROM scratch\n" + long("ENV a="+repeat("x", 1<<20)) + "LABEL b=" + repeat("$a", 1<<10) + "\n", "more than"},
		"replacement that grows":           {doubling("ENV v%[1]d=${v%[2]d//x/xxxxxxxx}\n"), "more than"},
		"deep defaults":                    {"FROM scratch\n" + long("ENV a="+repeat("${b:-", 1<<18)+"x"+repeat("}", 1<<18)), "deep"},
		"deep defaults of an argument":     {long("ARG a="+repeat("${b:-", 1<<18)+"x"+repeat("}", 1<<18)) + "FROM scratch\n", "deep"},
		"deep lists":                       {"FROM scratch\n" + long("CMD "+repeat("[", 1<<20)+repeat("]", 1<<20)), ""},
		"a pattern that backtracks":        {"FROM scratch\nENV a=" + repeat("a", 1<<14) + "\nENV b=${a##" + repeat("*a", 200) + "b}\n", ""},
		"many instructions":                {"FROM scratch\n" + repeat("ENV a=b\n", 10001), "10002 instructions"},
		"too much text":                    {"FROM scratch\n#" + repeat("x", 4<<20), "bytes"},
		"one long line":                    {"FROM scratch\n" + long("RUN "+repeat("x", 3<<20)), ""},
		"a line that goes on and on":       {"FROM scratch\nRUN true" + repeat(" \\\n x", 200000) + "\n", ""},
		"a long here-document":             {"FROM scratch\nCOPY <<EOF /x\n" + repeat("x\n", 1<<20) + "EOF\n", ""},
		"many here-documents":              {"FROM scratch\nCOPY " + repeat("<<E ", 10000) + "/x\n" + repeat("E\n", 10000), ""},
		"a here-document without an end":   {"FROM scratch\nRUN <<EOF\n" + repeat("x\n", 1000), "unterminated heredoc"},
		"many stages on each other":        {chain.String(), ""},
		"many stages in a circle":          {circle.String(), "needs itself"},
		"many mounts":                      {"FROM scratch\n" + long("RUN "+repeat("--mount=type=tmpfs,target=/x ", 50000)+"true"), ""},
		"many ports":                       {"FROM scratch\nEXPOSE 1-65535 " + repeat("1-65535 ", 200) + "\n", "more than"},
		"ONBUILD of ONBUILD":               {"FROM scratch\n" + long("ONBUILD "+repeat("ONBUILD ", 10000)+"RUN x"), "ONBUILD"},
		"a check directive without an end": {"# check=skip=" + repeat("a,", 1<<20) + "\nFROM scratch\nCMD x\n", "no instructions"},
		"variables of many RUN":            {"FROM scratch\n" + long("ENV a="+repeat("x", 1<<20)) + repeat("RUN true\n", 9000), "bytes of variables"},
		"variables in many stages":         {"FROM scratch AS s\n" + long("ENV a="+repeat("x", 1<<20)) + repeat("FROM s\nCOPY a /\n", 4000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			answer := read(test.text, nil)
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
			switch {
			case answer.Problem == nil && test.refused != "":
				t.Errorf("it was read; want it to be refused")
			case answer.Problem != nil && (test.refused == "" || !strings.Contains(answer.Problem.Text, test.refused)):
				t.Errorf("refused with %.200q; want %q", answer.Problem.Text, test.refused)
			}
			if took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if answer.Problem != nil && len(answer.Problem.Text) > 1000 {
				t.Errorf("the message has %d bytes", len(answer.Problem.Text))
			}
		})
	}
}
