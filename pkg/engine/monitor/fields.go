package monitor

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// field is one key of a key=value text and the variable that holds its value: *string, *bool, *int, *int64, *uint,
// *uint64, *time.Time or *[]string (whose key repeats).
type field struct {
	key string
	at  any
}

// encode writes fields as key=value, each ended by end. A value that contains end cannot be written.
func encode(fields []field, end byte) ([]byte, error) {
	var out []byte
	for _, f := range fields {
		for _, value := range f.values() {
			if strings.IndexByte(value, end) >= 0 {
				return nil, errors.New("value of " + f.key + " holds a separator: " + strconv.Quote(value))
			}
			out = append(out, f.key...)
			out = append(out, '=')
			out = append(out, value...)
			out = append(out, end)
		}
	}
	return out, nil
}

func (f field) values() []string {
	switch at := f.at.(type) {
	case *string:
		return []string{*at}
	case *bool:
		return []string{strconv.FormatBool(*at)}
	case *int:
		return []string{strconv.Itoa(*at)}
	case *int64:
		return []string{strconv.FormatInt(*at, 10)}
	case *uint:
		return []string{strconv.FormatUint(uint64(*at), 10)}
	case *uint64:
		return []string{strconv.FormatUint(*at, 10)}
	case *time.Time:
		return []string{at.Format(time.RFC3339Nano)}
	case *[]string:
		return *at
	}
	panic("field " + f.key + " has a type that cannot be encoded")
}

// decode reads what encode wrote. Every key of fields but lists must be there, once. An unknown key is an error when
// strict, else skipped.
func decode(data []byte, fields []field, end byte, strict bool) error {
	seen := make(map[string]bool, len(fields))
	for rest := string(data); rest != ""; {
		i := strings.IndexByte(rest, end)
		if i < 0 {
			return errors.New("the last entry is not complete")
		}
		entry := rest[:i]
		rest = rest[i+1:]
		key, value, ok := strings.Cut(entry, "=")
		if !ok {
			return errors.New("entry " + strconv.Quote(entry) + " has no value")
		}
		f, ok := find(fields, key)
		if !ok {
			if strict {
				return errors.New("unknown key " + strconv.Quote(key))
			}
			continue
		}
		if _, list := f.at.(*[]string); seen[key] && !list {
			return errors.New("key " + strconv.Quote(key) + " is there twice")
		}
		seen[key] = true
		if err := f.set(value); err != nil {
			return errors.New("value of " + key + " cannot be read: " + strconv.Quote(value))
		}
	}
	for _, f := range fields {
		if _, list := f.at.(*[]string); !seen[f.key] && !list {
			return errors.New("key " + strconv.Quote(f.key) + " is missing")
		}
	}
	return nil
}

func find(fields []field, key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func (f field) set(value string) (err error) {
	switch at := f.at.(type) {
	case *string:
		*at = value
	case *bool:
		*at, err = strconv.ParseBool(value)
	case *int:
		*at, err = strconv.Atoi(value)
	case *int64:
		*at, err = strconv.ParseInt(value, 10, 64)
	case *uint:
		var n uint64
		n, err = strconv.ParseUint(value, 10, strconv.IntSize)
		*at = uint(n)
	case *uint64:
		*at, err = strconv.ParseUint(value, 10, 64)
	case *time.Time:
		*at, err = time.Parse(time.RFC3339Nano, value)
	case *[]string:
		*at = append(*at, value)
	}
	return err
}
