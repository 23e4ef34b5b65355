package container

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
broken
daemon:x:1:1::/usr/sbin:
app:x:1000:1000:App:/home/app:/bin/sh
second:x:1000:50::/second:
big:x:4294967296:0::/:
neg:x:-1:0::/:
1001:x:0:0:digits as a name:/trap:
nohome:x:7:7
relhome:x:8:8::home:
`

const group = `root:x:0:
wheel:x:10:app,root
broken
app:x:1000:
audio:x:29:daemon,app
huge:x:99999999999:app
appish:x:30:app2,xapp
`

func TestLookupUser(t *testing.T) {
	for _, c := range []struct {
		spec string
		want User
	}{
		{"", User{Home: "/root", Name: "root", Groups: []uint32{0, 10}}},
		{"0", User{Home: "/root", Name: "root", Groups: []uint32{0, 10}}},
		{"root", User{Home: "/root", Name: "root", Groups: []uint32{0, 10}}},
		{"app", User{UID: 1000, GID: 1000, Home: "/home/app", Name: "app", Groups: []uint32{10, 29, 1000}}},
		{"1000", User{UID: 1000, GID: 1000, Home: "/home/app", Name: "app", Groups: []uint32{10, 29, 1000}}},
		{"app:audio", User{UID: 1000, GID: 29, Home: "/home/app", Name: "app", Groups: []uint32{29}}},
		{":audio", User{Home: "/root", GID: 29, Name: "root", Groups: []uint32{29}}},
		{"app:", User{UID: 1000, GID: 1000, Home: "/home/app", Name: "app", Groups: []uint32{10, 29, 1000}}},
		{"app:7", User{UID: 1000, GID: 7, Home: "/home/app", Name: "app", Groups: []uint32{7}}},
		{"4242", User{UID: 4242, Home: "/", Groups: []uint32{0}}},
		{"4242:4243", User{UID: 4242, GID: 4243, Home: "/", Groups: []uint32{4243}}},
		{"2147483647", User{UID: 2147483647, Home: "/", Groups: []uint32{0}}},
		{"1001", User{UID: 1001, Home: "/", Groups: []uint32{0}}}, // digits are never a name
		{"nohome", User{UID: 7, GID: 7, Home: "/", Name: "nohome", Groups: []uint32{7}}},
		{"relhome", User{UID: 8, GID: 8, Home: "/", Name: "relhome", Groups: []uint32{8}}},
	} {
		got, err := LookupUser(c.spec, []byte(passwd), []byte(group))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, %v; want %+v", c.spec, got, err, c.want)
		}
	}
}

func TestLookupUserRefuses(t *testing.T) {
	for spec, part := range map[string]string{
		"x": `user "x" is not in the image's /etc/passwd`, "app:x": `group "x" is not in the image's /etc/group`, ":": "names no user",
		"2147483648": "above 2147483647", "4294967295": "above", "4294967296": "above", "0:2147483648": "above", "99999999999999999999": "above",
		"-1": "not a plain number", "+1": "not a plain number", "0x0": "not a plain number", "0X": "not a plain number", "1_000": "not a plain number", "1e3": "not a plain number", "0b0": "not a plain number",
		"a:b:c": "cannot be", "::": "cannot be", "a b": "cannot be", "a\n": "cannot be", "../x": "cannot be", "big": "no usable ids", "neg": "no usable ids", "app:huge": "no usable id", strings.Repeat("a", 300): "cannot be",
	} {
		_, err := LookupUser(spec, []byte(passwd), []byte(group))
		checkInvalid(t, spec, err, part)
	}
	_, err := LookupUser("0", make([]byte, MaxUserFile+1), nil)
	checkInvalid(t, "huge passwd", err, "larger than")
}

func TestLookupUserBoundsGroups(t *testing.T) {
	var b strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&b, "g%d:x:%d:app\n", i, i+2000)
	}
	u, err := LookupUser("app", []byte(passwd), []byte(b.String()))
	if err != nil || len(u.Groups) != 65536 {
		t.Errorf("%d groups, %v; want the kernel's 65536", len(u.Groups), err)
	}
}

func TestLookupGroups(t *testing.T) {
	got, err := LookupGroups([]string{"wheel", "5", "audio", "5", KeepGroups}, []byte(group))
	if want := []uint32{5, 10, 29}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	_, err = LookupGroups([]string{"nope"}, []byte(group))
	checkInvalid(t, "nope", err, "/etc/group")
	_, err = LookupGroups([]string{"-5"}, []byte(group))
	checkInvalid(t, "-5", err, "plain number")
}
