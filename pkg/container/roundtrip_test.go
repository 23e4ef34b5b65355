package container

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// fill sets every field below v to a value that is not its zero, each different.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(int64(*n)*86400, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, n)
			fill(t, value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("cannot fill a %s", v.Type())
	}
}

func TestConfigAndStateSurviveJSON(t *testing.T) {
	for _, in := range []any{new(Config), new(State)} {
		n := 0
		fill(t, reflect.ValueOf(in).Elem(), &n)
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out := reflect.New(reflect.TypeOf(in).Elem()).Interface()
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(in, out) {
			t.Errorf("%T: wrote %+v, read %+v", in, in, out)
		}
	}
}

// A nil entrypoint takes the image's and an empty one clears it, so JSON must not mix them up.
func TestEmptyEntrypointSurvivesJSON(t *testing.T) {
	for _, in := range [][]string{nil, {}} {
		text, err := json.Marshal(Process{Entrypoint: in})
		if err != nil {
			t.Fatal(err)
		}
		var out Process
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		if (out.Entrypoint == nil) != (in == nil) {
			t.Errorf("wrote %#v, read %#v", in, out.Entrypoint)
		}
	}
}
