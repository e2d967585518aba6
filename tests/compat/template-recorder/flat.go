package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/valyala/fasttemplate"
)

// tagOf substitutes strings and leaves everything else as written.
func tagOf(data map[string]any) fasttemplate.TagFunc {
	return func(out io.Writer, tag string) (int, error) {
		name := strings.TrimSpace(tag)
		value, found := data[name].(string)
		if name == "" || !found {
			return fmt.Fprintf(out, "{{%s}}", tag)
		}
		return out.Write([]byte(value))
	}
}

func sorted(groups map[string][]string) []string {
	return slices.Sorted(maps.Keys(groups))
}
