package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// quote writes a constant as people would: what prints stays.
func quote(text string) string { return strconv.Quote(text) }

// line is one answer, as short as can be: Template, Output or Error, missingkey.
type line struct {
	Template string  `json:"t"`
	Output   *string `json:"o,omitempty"`
	Error    *string `json:"e,omitempty"`
	Key      string  `json:"k,omitempty"`
}

// longest is what an answer may take to be kept.
const longest = 800

// made records what is made here. A template that answers differently when it is asked again is left out.
func made(out io.Writer, data map[string]any) {
	data["n"] = 2.0
	data["list"] = []any{"b", 1.0, nil}
	data["map"] = map[string]any{"a": 1.0, "b": map[string]any{"c": "x"}, "l": []any{2.0}}
	table := functions()
	asked := crossed(table)
	asked = append(asked, printed()...)
	asked = append(asked, mutated()...)
	asked = append(asked, spoken()...)
	asked = append(asked, properties(table["encryptAES"].(func(string, string) (string, error)))...)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	write := func(value any) {
		if err := encoder.Encode(value); err != nil {
			panic(err)
		}
	}
	write(map[string]any{"data": data, "now": time.Now().Unix()})
	seen := map[string]bool{}
	left := 0
	for index, text := range asked {
		if seen[text] || !utf8.ValidString(text) {
			continue
		}
		seen[text] = true
		key := ""
		if index%5 == 0 && strings.Contains(text, ".missing") {
			key = []string{"missingkey=error", "missingkey=zero"}[index/5%2]
		}
		answer, same := settled(text, key, data)
		if !same || len(shown(answer.Output))+len(shown(answer.Error)) > longest {
			left++
			fmt.Fprintln(os.Stderr, "left out:", text)
			continue
		}
		write(line{Template: text, Output: answer.Output, Error: answer.Error, Key: strings.TrimPrefix(key, "missingkey=")})
	}
	fmt.Fprintln(os.Stderr, len(seen)-left, "recorded,", left, "left out")
}

// settled asks three times.
func settled(text, key string, data map[string]any) (answer vector, same bool) {
	var options []string
	if key != "" {
		options = []string{key}
	}
	answer = render(text, options, data)
	for range 2 {
		again := render(text, options, data)
		if shown(again.Output) != shown(answer.Output) || shown(again.Error) != shown(answer.Error) {
			return answer, false
		}
	}
	return answer, true
}

func shown(text *string) string {
	if text == nil {
		return "-"
	}
	return "+" + *text
}
